import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scanSinks } from '../support/leak-scanner.js';
import { canSeeProcesses } from '../support/processes.js';
import { processesOf, textSink } from '../support/sinks.js';
import { keyturn, startKeyturn } from './keyturn.js';
import { canLendTerminal, keyturnAtTerminal } from './pseudo-terminal.js';
import { type StorePlace, storePlace } from './store-place.js';

const password = 'hT5vZq8WkLx3RnBm7CyJd2PsGf9Ku6Ae';
const apiKey = 'bN7yXc4MtVq9WzLr2HkPd8SjFg5Ta3Ue';
const below = ['exec', '--env', 'demo', '--path', '/demo/billing'] as const;

/** Writes down what it was started with, and goes on until it is told to end; then its exit code is 42. */
const program = `
import { renameSync, writeFileSync } from 'node:fs';
process.on('SIGTERM', () => process.exit(42));
process.on('SIGUSR2', () => writeFileSync('reloaded', ''));
const { pid, env, argv } = process;
writeFileSync('seen.part', JSON.stringify({ pid, env, args: argv.slice(2) }));
renameSync('seen.part', 'seen');
setInterval(() => {}, 1000);
`;

interface Seen {
  readonly pid: number;
  readonly env: Readonly<Record<string, string>>;
  readonly args: readonly string[];
}

async function placeWithParameters(): Promise<StorePlace & { readonly credential: string }> {
  const place = await storePlace();
  const credential = JSON.stringify({ username: place.roles.logins[0], password });
  for (const put of [
    await place.put('/demo/billing/db', credential, '--current'),
    await place.put('/demo/billing/smtp/api-key', apiKey),
    await place.put('/demo/billing/mode', 'quick', '--type', 'String'),
    await place.put('/demo/billing-other/key', 'another application'),
  ])
    expect(put.code).toBe(0);
  await writeFile(join(place.folder, 'program.mjs'), program);
  return { ...place, credential };
}

async function start({ folder, options }: StorePlace, env: Readonly<Record<string, string>> = {}) {
  const args = [...below, '--', process.execPath, 'program.mjs', '--json', 'its own argument'];
  const started = await startKeyturn(args, { ...options, env: { ...options.env, ...env } }, () =>
    existsSync(join(folder, 'seen')),
  );
  return { ...started, seen: JSON.parse(await readFile(join(folder, 'seen'), 'utf8')) as Seen };
}

describe('a command', () => {
  test('has the parameters in its environment and none of the settings of Keyturn, and every read is on record', async () => {
    const place = await placeWithParameters();

    const { seen, stop } = await start(place, { MODE: 'slow', GREETING: 'hello', KEYTURN_QUEUE_URL: place.stateUrl });

    const { PATH, ...others } = seen.env;
    expect(PATH).toBe(process.env['PATH']);
    expect(others).toEqual({
      DB: place.credential,
      DB_USERNAME: place.roles.logins[0],
      DB_PASSWORD: password,
      SMTP_API_KEY: apiKey,
      MODE: 'quick',
      GREETING: 'hello',
      ADMIN_PASSWORD: place.options.env['ADMIN_PASSWORD'],
    });
    expect(seen.args).toEqual(['--json', 'its own argument']);
    const read = {
      principal: expect.stringMatching(/^local:./),
      source: 'local',
      action: 'exec',
      outcome: 'done',
      version: 1,
    };
    expect((await place.accesses()).slice(-3)).toEqual([
      { ...read, parameter: 'demo:/demo/billing/mode' },
      { ...read, parameter: 'demo:/demo/billing/smtp/api-key' },
      { ...read, parameter: 'demo:/demo/billing/db' },
    ]);
    expect(await stop()).toEqual({ code: 42, stdout: '', stderr: '' });
    expect(await place.leaksOf(password, apiKey)).toEqual([]);
  });

  test.skipIf(!canSeeProcesses)('is started without a value in its arguments or ours (needs /proc)', async () => {
    const place = await placeWithParameters();
    const { seen, pid, stop, output } = await start(place);
    const known = [password, apiKey].map((value, at) => ({ name: `value ${at}`, value }));

    const scanned = await scanSinks(known, [
      processesOf([pid, seen.pid]),
      textSink('output', JSON.stringify(output())),
    ]);
    await stop();

    // The scanner finds what it should: the environment of the child is where the values are.
    expect([...new Set(scanned.leaks.map(({ sink }) => sink))]).toEqual(['environ of a process']);
    expect(scanned.names.filter((name) => name === 'cmdline of a process')).toHaveLength(2);
    const own = await scanSinks(known, [processesOf([pid])]);
    expect(own.leaks).toEqual([]);
  });

  test('is told of signals, and its exit code and the signal that ends it are ours', async () => {
    const place = await placeWithParameters();
    const { seen, pid, ended } = await start(place);

    process.kill(pid, 'SIGUSR2');
    await expect.poll(() => existsSync(join(place.folder, 'reloaded')), { timeout: 30_000 }).toBe(true);
    process.kill(seen.pid, 'SIGKILL');

    expect((await ended).code).toBe(137);
    const quick = (script: string) => place.run(...below, '--', process.execPath, '-e', script);
    expect((await quick('process.exit(7)')).code).toBe(7);
    expect(await quick('console.log(process.env.MODE)')).toEqual({ code: 0, stdout: 'quick\n', stderr: '' });
  });

  test.skipIf(!canLendTerminal)('has the terminal of whoever starts it (needs script)', async () => {
    const place = await placeWithParameters();
    const script = 'console.log(`${process.stdin.isTTY} ${process.stdout.isTTY} ${process.env.MODE}`)';

    const answer = await keyturnAtTerminal([...below, '--', process.execPath, '-e', script], place.options);

    expect(answer).toEqual({ code: 0, shown: 'true true quick\n' });
  });

  test('reads what is current of a secret, and goes on without one that has no current version', async () => {
    const place = await placeWithParameters();
    await place.ask(`INSERT INTO keyturn.versions (secret, version, rotation_id, put_by, sealed, digest)
      SELECT secret, 2, 'r', 'r', sealed, digest FROM keyturn.versions WHERE secret = 'demo:/demo/billing/db'`);
    const print = [process.execPath, '-e', 'console.log(process.env.DB_PASSWORD ?? "none", process.env.MODE)'];

    const current = await place.run(...below, '--', ...print);
    await place.ask(`UPDATE keyturn.labels SET version = NULL WHERE label = 'current'`);
    const without = await place.run(...below, '--', ...print);

    expect(current).toEqual({ code: 0, stderr: '', stdout: `${password} quick\n` });
    expect(without).toEqual({
      code: 0,
      stdout: 'none quick\n',
      stderr: 'demo:/demo/billing/db has no current version yet and is left out.\n',
    });
  });
});

describe('nothing is started', () => {
  test('where there is nothing below the path, or it is none', async () => {
    const place = await placeWithParameters();
    const at = (path: string) => place.run('exec', '--env', 'demo', '--path', path, '--', 'touch', 'started');

    const none = await at('/demo/bill');
    expect(none.stderr).toBe(
      'NO_PARAMETERS: there is nothing to read below /demo/bill in environment demo. List what there is: keyturn store list --env demo\n',
    );
    expect(none.code).toBe(2);
    expect((await at('demo')).stderr).toMatch(/^USAGE: --path "demo" is none/);
    expect((await place.accesses()).at(-1)).toMatchObject({
      action: 'exec',
      parameter: 'demo:/demo/bill',
      outcome: 'NO_PARAMETERS',
    });
    expect(existsSync(join(place.folder, 'started'))).toBe(false);
  });

  test('where two parameters would be one variable, or one is reserved: they are named', async () => {
    const place = await placeWithParameters();
    await place.put('/demo/billing/smtp/api/key', 'x');
    await place.put('/demo/billing/node-options', '--require=/tmp/evil.js', '--type', 'String');

    const refused = await place.run(...below, '--', 'touch', 'started');

    expect(refused.stderr).toContain(
      '/demo/billing/smtp/api-key and /demo/billing/smtp/api/key would both be SMTP_API_KEY',
    );
    expect(refused.stderr).toContain('/demo/billing/node-options would be NODE_OPTIONS, which is reserved');
    expect(refused.stderr).toMatch(/^VARIABLES_REFUSED: /);
    expect(refused.code).toBe(2);
    expect(existsSync(join(place.folder, 'started'))).toBe(false);
    expect((await place.accesses()).at(-1)).toMatchObject({ action: 'exec', outcome: 'VARIABLES_REFUSED' });
  });

  test('without an environment, without --, and where the command is not there', async () => {
    const place = await placeWithParameters();

    expect((await place.run('exec', '--path', '/demo', '--', 'true')).stderr).toMatch(/^USAGE: required option '--env/);
    expect((await place.run('exec', '--env', 'demo', '--', 'true')).stderr).toMatch(/^USAGE: required option '--path/);
    expect((await place.run(...below, 'node', 'x.js')).stderr).toMatch(/^USAGE: the command stands after --/);
    expect((await place.run(...below)).stderr).toMatch(/^USAGE: missing required argument 'command'/);
    const missing = await place.run(...below, '--', 'no-such-command-anywhere');
    expect(missing.stderr).toMatch(
      /^COMMAND_NOT_STARTED: the command no-such-command-anywhere was not started: there is no such command\./,
    );
    expect(missing.code).toBe(2);
    const file = await place.run(...below, '--', './keyturn.key');
    expect(file.stderr).toMatch(/^COMMAND_NOT_STARTED: .*it may not be run/);
    const inFile = await place.run(...below, '--', './keyturn.key/x');
    expect(inFile.stderr).toMatch(/^COMMAND_NOT_STARTED: .*the system refused it \(ENOTDIR\)/);
    expect(inFile.code).toBe(2);
    expect(await place.leaksOf(password, apiKey)).toEqual([]);
  });

  test('where the read cannot be written down', async () => {
    const place = await placeWithParameters();
    await place.ask('ALTER TABLE keyturn.accesses RENAME TO accesses_away');

    const refused = await keyturn([...below, '--', 'touch', 'started'], place.options);

    expect(refused.stderr).toMatch(/^DATABASE_UNMIGRATED: /);
    expect(existsSync(join(place.folder, 'started'))).toBe(false);
  });
});
