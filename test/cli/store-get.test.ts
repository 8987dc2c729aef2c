import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, lstat, open, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { built } from '../support/built.js';
import { canLendTerminal, keyturnAtTerminal } from './pseudo-terminal.js';
import { type StorePlace, storePlace } from './store-place.js';

const value = 'qVx7TtBm2LwZr9HsKd4Yn6PcJf3Ga8Ue';
const name = '/demo/app/key';
const read = { principal: expect.stringMatching(/^local:./), source: 'local', action: 'store get' };

async function placeWithValue(): Promise<StorePlace> {
  const place = await storePlace();
  expect(await place.put(name, value)).toMatchObject({ code: 0, stderr: '' });
  return place;
}

/** Runs it with one more descriptor, and gives what was written there. */
async function withDescriptor(place: StorePlace, fd: number, ...args: readonly string[]) {
  const file = join(place.folder, `descriptor-${fd}`);
  const handle = await open(file, 'w');
  const stdio = Array.from({ length: fd + 1 }, (_, at) => (at === fd ? handle.fd : at === 0 ? 'ignore' : 'pipe'));
  const child = spawn(process.execPath, [built('src/cli/bin.js'), 'store', 'get', ...args, '--env', 'demo'], {
    cwd: place.folder,
    env: { PATH: process.env['PATH'], ...place.options.env },
    stdio,
  });
  const [code] = (await once(child, 'close')) as [number | null];
  await handle.close();
  return { code, written: await readFile(file, 'utf8') };
}

describe('to a file', () => {
  test('a value is written byte for byte, for its owner alone, and the read is on record', async () => {
    const place = await placeWithValue();

    const answer = await place.store('get', name, '--out', 'key');

    expect(answer).toMatchObject({
      code: 0,
      stderr: '',
      stdout: 'Version 1 of demo:/demo/app/key is in the file key.\n',
    });
    expect(await place.text('key')).toBe(value);
    expect((await stat(join(place.folder, 'key'))).mode & 0o777).toBe(0o600);
    expect(await place.accesses()).toEqual([
      { ...read, action: 'store put', parameter: `demo:${name}`, version: 1, outcome: 'done' },
      { ...read, parameter: `demo:${name}`, version: 1, outcome: 'done' },
    ]);
    expect(await place.leaksOf(value)).toEqual([]);
  });

  test('what is there is not overwritten, and with --force nobody who has the old one open reads the new one', async () => {
    const place = await placeWithValue();
    const file = join(place.folder, 'key');
    await writeFile(file, 'mine');
    await chmod(file, 0o644);
    const old = await open(file, 'r');

    const refused = await place.store('get', name, '--out', 'key');
    const before = await place.text('key');
    const forced = await place.store('get', name, '--out', 'key', '--force');

    expect(refused.stderr).toMatch(/^VALUE_WITHHELD: .*\/key is there already\. Name another one, or give --force/);
    expect(refused.code).toBe(2);
    expect(before).toBe('mine');
    expect(forced).toMatchObject({ code: 0, stderr: '' });
    expect(await place.text('key')).toBe(value);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await old.readFile('utf8')).toBe('mine');
    await old.close();
    // Refused before it was read: there is one read.
    expect((await place.accesses()).filter(({ action }) => action === 'store get')).toHaveLength(1);
  });

  test('a link is followed neither plainly nor with --force', async () => {
    const place = await placeWithValue();
    await writeFile(join(place.folder, 'elsewhere'), 'untouched');
    await symlink('elsewhere', join(place.folder, 'link'));
    await symlink('nowhere', join(place.folder, 'dangling'));

    for (const args of [['link'], ['link', '--force'], ['dangling'], ['dangling', '--force']]) {
      const refused = await place.store('get', name, '--out', ...args);
      expect(refused.stderr).toMatch(
        /^VALUE_WITHHELD: .* is a link, and links are not followed\. Name the file itself\./,
      );
      expect(refused.code).toBe(2);
    }

    expect(await place.text('elsewhere')).toBe('untouched');
    expect((await lstat(join(place.folder, 'link'))).isSymbolicLink()).toBe(true);
    expect(await readdir(place.folder)).not.toContain('nowhere');
  });

  test('a folder, a missing folder and a parameter that is not there leave no file behind', async () => {
    const place = await placeWithValue();

    expect((await place.store('get', name, '--out', '.')).stderr).toMatch(
      /^VALUE_WITHHELD: .* is there and is no file/,
    );
    expect((await place.store('get', name, '--out', 'no/key')).stderr).toMatch(/^VALUE_WITHHELD: .*\(ENOENT\)/);
    const missing = await place.store('get', '/demo/app/other', '--out', 'other');
    expect(missing.stderr).toBe(
      'UNKNOWN_PARAMETER: there is no parameter /demo/app/other in environment demo. List those there are: keyturn store list --env demo\n',
    );
    const version = await place.store('get', `${name}:7`, '--out', 'other');
    expect(version.stderr).toMatch(/^UNKNOWN_VERSION: parameter \/demo\/app\/key has no version or label 7\. /);

    expect(missing.code).toBe(2);
    expect((await readdir(place.folder)).sort()).toEqual(['keyturn.config.ts', 'keyturn.key']);
    expect((await place.accesses()).slice(1)).toEqual([
      { ...read, parameter: 'demo:/demo/app/other', version: null, outcome: 'UNKNOWN_PARAMETER' },
      { ...read, parameter: `demo:${name}`, version: null, outcome: 'UNKNOWN_VERSION' },
    ]);
  });
});

describe('to a descriptor', () => {
  test('that was opened for it', async () => {
    const place = await placeWithValue();

    expect(await withDescriptor(place, 3, name, '--fd', '3')).toEqual({ code: 0, written: value });
  });

  test('a pipe on standard output gets it only where --fd 1 is said', async () => {
    const place = await placeWithValue();

    const silent = await place.store('get', name);
    const said = await place.store('get', name, '--fd', '1');

    expect(silent.stderr).toBe(
      'VALUE_WITHHELD: the value was not given: nothing says where it goes. Give one of --out FILE, --fd N, or, at a terminal, --reveal.\n',
    );
    expect(silent).toMatchObject({ code: 2, stdout: '' });
    expect(said).toEqual({ code: 0, stdout: value, stderr: '' });
  });

  test('that is not open, or is no number, is refused before anything is read', async () => {
    const place = await placeWithValue();

    expect((await place.store('get', name, '--fd', '99')).stderr).toMatch(
      /^VALUE_WITHHELD: .*descriptor 99 is not open/,
    );
    expect((await place.store('get', name, '--fd', 'x')).stderr).toMatch(
      /^USAGE: --fd expects a number from 1 to 1023/,
    );
    expect((await place.store('get', name, '--fd', '0')).stderr).toMatch(/^USAGE: --fd expects/);
    expect((await place.store('get', name, '--fd', '1', '--out', 'key')).stderr).toMatch(/more than one thing says/);
    expect((await place.store('get', name, '--fd', '1', '--json')).stderr).toMatch(
      /^USAGE: --json writes its document/,
    );
    expect((await place.accesses()).map(({ action }) => action)).toEqual(['store put']);
  });

  test('that is a pipe of Node to itself is refused: nobody reads it', async () => {
    const place = await placeWithValue();

    for (let fd = 3; fd < 16; fd += 1) {
      const refused = await place.store('get', name, '--fd', `${fd}`);
      expect([fd, refused.code, refused.stderr]).toEqual([fd, 2, expect.stringMatching(/^VALUE_WITHHELD: .*not open/)]);
    }
    expect((await place.accesses()).map(({ action }) => action)).toEqual(['store put']);
  });
});

describe('to a person', () => {
  test('--reveal is refused where no person is at a terminal', async () => {
    const place = await placeWithValue();

    const refused = await place.store('get', name, '--reveal');

    expect(refused.stderr).toMatch(/^VALUE_WITHHELD: .*--reveal shows it to a person at a terminal, and there is none/);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
  });

  test.skipIf(!canLendTerminal)(
    'a terminal shows it for --reveal alone, and never for --fd 1 (needs script)',
    async () => {
      const place = await placeWithValue();
      const at = (...args: readonly string[]) =>
        keyturnAtTerminal(['store', 'get', name, '--env', 'demo', ...args], place.options);

      const bare = await at();
      const descriptor = await at('--fd', '1');
      const revealed = await at('--reveal');

      expect(bare.shown).toMatch(/^VALUE_WITHHELD: .*nothing says where it goes/);
      expect(descriptor.shown).toMatch(/^VALUE_WITHHELD: .*descriptor 1 is a terminal/);
      expect([bare.code, descriptor.code]).toEqual([2, 2]);
      expect(revealed).toEqual({ code: 0, shown: `${value}\n` });
    },
  );

  test.skipIf(!canLendTerminal)('a value that would be obeyed and not shown is withheld (needs script)', async () => {
    const place = await storePlace();
    await place.put(name, 'before\u001b[2Jafter-the-screen-is-cleared');

    const { code, shown } = await keyturnAtTerminal(['store', 'get', name, '--env', 'demo', '--reveal'], place.options);

    expect(shown).toMatch(/^VALUE_WITHHELD: .*control characters/);
    expect(shown).not.toContain('after-the-screen');
    expect(code).toBe(2);
    await place.put(name, 'before\u009b2Jafter-the-screen-is-cleared', '--overwrite');
    const inOne = await keyturnAtTerminal(['store', 'get', name, '--env', 'demo', '--reveal'], place.options);
    expect(inOne.shown).toMatch(/^VALUE_WITHHELD: .*control characters/);
  });
});

test('a bare name means the newest version of a plain parameter, and current of a secret under management', async () => {
  const place = await storePlace();
  await place.put(name, 'the first value');
  await place.put(name, 'the second value', '--overwrite');
  await place.store('label', `${name}:1`, 'live');
  const credential = JSON.stringify({ username: place.roles.logins[0], password: value });
  const secret = '/demo/billing/db';
  expect((await place.put(secret, credential, '--current')).code).toBe(0);
  // As a rotation that is under way leaves it: the newest is pending.
  await place.ask(`INSERT INTO keyturn.versions (secret, version, rotation_id, put_by, sealed, digest)
    SELECT secret, 2, 'r', 'r', sealed, digest FROM keyturn.versions WHERE secret = 'demo:${secret}'`);

  await place.store('get', name, '--out', 'newest');
  await place.store('get', `${name}:1`, '--out', 'one');
  await place.store('get', `${name}:live`, '--out', 'live');
  await place.store('get', secret, '--out', 'secret');

  expect(await place.text('newest')).toBe('the second value');
  expect(await place.text('one')).toBe('the first value');
  expect(await place.text('live')).toBe('the first value');
  expect(await place.text('secret')).toBe(credential);
});

test('a value that does not open leaves no file, and its refusal is on record', async () => {
  const place = await placeWithValue();
  await place.ask(`UPDATE keyturn.versions SET sealed = set_byte(sealed, 120, get_byte(sealed, 120) # 1)`);

  const refused = await place.store('get', name, '--out', 'key');

  expect(refused.stderr).toMatch(/^KEYRING_DENIED: /);
  expect(refused.code).toBe(1);
  expect(await readdir(place.folder)).not.toContain('key');
  expect((await place.accesses()).at(-1)).toMatchObject({ ...read, outcome: 'KEYRING_DENIED' });
});
