import { existsSync } from 'node:fs';
import { chmod, link, mkdir, open, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { AppliedFile, type AppliedFileOptions } from '../../src/agent/applied-file.js';
import { eventually } from '../support/eventually.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { command, credentialText, events, readingOf } from './readings.js';

const withinMs = 60_000;

/** What has failed is left alone for a second. */
const settledAgain = (file: AppliedFile, reading: ReturnType<typeof readingOf>): Promise<true> =>
  eventually('it is settled', () => file.settled(reading, withinMs), { maxMs: withinMs });

/** A file in a folder of its own. `lines` says what the commands that {@link noting} makes have written, in order. */
async function place() {
  const folder = await temporaryFolder();
  const path = join(folder, 'credential.json');
  const log = join(folder, 'log');
  const { tell, told } = events();
  return {
    folder,
    path,
    told,
    noting: (word: string, script = '') => command(['sh', '-c', `echo ${word} >> ${log}; ${script}`]),
    lines: async () => (await readFile(log, 'utf8').catch(() => '')).split('\n').slice(0, -1),
    file: (options: Partial<AppliedFileOptions> = {}): AppliedFile => {
      const plain = { path, format: { kind: 'json' }, reload: { kind: 'none' }, check: null, tell } as const;
      const file = new AppliedFile({ ...plain, ...options });
      onTestFinished(() => file.close());
      return file;
    },
  };
}

test('the file has mode 0600 whatever the umask, and whoever has the old one open reads it whole', async () => {
  const { file, path } = await place();
  const applied = file();
  const [old, next] = [credentialText('a'), credentialText('b')];
  const umask = process.umask(0o277);
  onTestFinished(() => void process.umask(umask));
  expect(await applied.settled(readingOf(old, 1), withinMs)).toBe(true);
  const held = await open(path);
  onTestFinished(() => held.close());

  expect(await applied.settled(readingOf(next, 2), withinMs)).toBe(true);

  expect(await held.readFile('utf8')).toBe(old);
  expect(await readFile(path, 'utf8')).toBe(next);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('the application is told after the file is written, and the check is asked after that', async () => {
  const { file, path, noting, lines } = await place();
  const applied = file({
    reload: { kind: 'exec', command: noting('told', `grep -q '"b"' ${path}`) },
    check: noting('checked'),
  });

  expect(await applied.settled(readingOf(credentialText('b'), 1), withinMs)).toBe(true);

  expect(await lines()).toEqual(['told', 'checked']);
});

test('one that is started again tells nobody where the file holds the value already, and asks the check', async () => {
  const { file, noting, lines } = await place();
  const options = { reload: { kind: 'exec', command: noting('told') }, check: noting('checked') } as const;
  const reading = readingOf(credentialText('a'), 1);
  const first = file(options);
  expect(await first.settled(reading, withinMs)).toBe(true);
  await first.close();

  const second = file(options);
  await second.prepare();
  expect(await second.settled(reading, withinMs)).toBe(true);
  expect(await second.settled(reading, withinMs)).toBe(true);

  expect(await lines()).toEqual(['told', 'checked', 'checked']);
});

test('one that ended before it had told the application tells it once it is started again', async () => {
  const { file, path, noting, lines } = await place();
  const reading = readingOf(credentialText('a'), 1);
  const first = file({ reload: { kind: 'exec', command: noting('failed', 'exit 1') } });
  expect(await first.settled(reading, withinMs)).toBe(false);
  expect(existsSync(path)).toBe(true);
  await first.close();

  const second = file({ reload: { kind: 'exec', command: noting('told') } });
  expect(await second.settled(reading, withinMs)).toBe(true);

  expect(await lines()).toEqual(['failed', 'told']);
});

test('a check that fails leaves the new value in its place, and is asked again until it passes', async () => {
  const { file, folder, path, told, noting, lines } = await place();
  const fine = join(folder, 'fine');
  const applied = file({
    reload: { kind: 'exec', command: noting('told') },
    check: noting('checked', `test -e ${fine} || exit 4`),
  });
  const [old, next] = [readingOf(credentialText('a'), 1), readingOf(credentialText('b'), 2)];
  await writeFile(fine, '');
  expect(await applied.settled(old, withinMs)).toBe(true);
  await rm(fine);

  expect(await applied.settled(next, withinMs)).toBe(false);

  expect(await readFile(path, 'utf8')).toBe(next.value.value);
  expect(told.at(-1)).toEqual({
    kind: 'not-applied',
    file: path,
    version: 2,
    why: 'the check did not pass: it exited with 4',
  });
  await writeFile(fine, '');
  await eventually('it was asked again by itself', () => told.at(-1)?.kind === 'applied', { maxMs: withinMs });
  expect(await applied.settled(next, withinMs)).toBe(true);
  // Told once for each value, however often the check fails.
  expect((await lines()).filter((line) => line === 'told')).toHaveLength(2);
});

test('while a value fails another one is brought at once, also an older one, and the failed one never again', async () => {
  const { file, path, noting, told } = await place();
  const applied = file({ check: noting('checked', `grep -q '"a"' ${path}`) });
  const [old, next] = [readingOf(credentialText('a'), 1), readingOf(credentialText('b'), 2)];
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  expect(await applied.settled(next, withinMs)).toBe(false);

  expect(await applied.settled(old, withinMs)).toBe(true);
  // Past every back-off; what a timer has begun is over before the value is settled again.
  vi.advanceTimersByTime(31_000);

  expect(vi.getTimerCount()).toBe(0);
  expect(await applied.settled(old, withinMs)).toBe(true);
  expect(await readFile(path, 'utf8')).toBe(old.value.value);
  expect(told.map(({ kind }) => kind)).toEqual(['written', 'not-applied', 'written', 'applied']);
});

test('what was settled is not any more once the file cannot be looked at', async () => {
  const { file, folder, path, noting, lines } = await place();
  const applied = file({ check: noting('checked') });
  const [old, next] = [readingOf(credentialText('a'), 1), readingOf(credentialText('b'), 2)];
  const other = join(folder, 'other');
  await writeFile(other, old.value.value, { mode: 0o600 });
  expect(await applied.settled(next, withinMs)).toBe(true);
  await rm(path);
  await symlink(other, path);

  expect(await applied.settled(next, withinMs)).toBe(false);

  await rm(path);
  expect(await settledAgain(applied, next)).toBe(true);
  expect(await readFile(path, 'utf8')).toBe(next.value.value);
  expect(await lines()).toEqual(['checked', 'checked']);
});

test('what was settled is not any more once nobody can say whether the application was told', async () => {
  const { file, folder, noting, path } = await place();
  const applied = file({ reload: { kind: 'exec', command: noting('told') } });
  const reading = readingOf(credentialText('a'), 1);
  expect(await applied.settled(reading, withinMs)).toBe(true);
  const owed = join(folder, '.credential.json.keyturn-reload');
  await mkdir(owed);

  expect(await applied.settled(reading, withinMs)).toBe(false);

  expect(await readFile(path, 'utf8')).toBe(reading.value.value);
});

test('one that has ended says of nothing that it is settled', async () => {
  const { file } = await place();
  const applied = file();
  const reading = readingOf(credentialText('a'), 1);
  expect(await applied.settled(reading, withinMs)).toBe(true);

  await applied.close();

  expect(await applied.settled(reading, withinMs)).toBe(false);
});

test('who waits is not kept longer than he waits for, and what he waited for goes on', async () => {
  const { file, folder } = await place();
  const fine = join(folder, 'fine');
  const applied = file({ check: command(['sh', '-c', `until test -e ${fine}; do sleep 0.02; done`]) });
  const reading = readingOf(credentialText('a'), 1);

  expect(await applied.settled(reading, 50)).toBe(false);
  await writeFile(fine, '');

  expect(await applied.settled(reading, withinMs)).toBe(true);
});

test('a file that somebody removes, changes or opens to others is put right, and told of where it was not the value', async () => {
  const { file, path, noting, lines } = await place();
  const applied = file({ reload: { kind: 'exec', command: noting('told') } });
  const reading = readingOf(credentialText('a'), 1);
  expect(await applied.settled(reading, withinMs)).toBe(true);
  const spoil = [() => rm(path), () => writeFile(path, '{}'), () => chmod(path, 0o644)];

  for (const each of spoil) {
    await each();
    expect(await applied.settled(reading, withinMs)).toBe(true);
    expect(await readFile(path, 'utf8')).toBe(reading.value.value);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  }

  expect(await lines()).toEqual(['told', 'told', 'told']);
});

test('what a killed agent had begun to write is removed, and nothing else', async () => {
  const { file, folder } = await place();
  const other = ['.credential.json.keyturn-notes', '.other.keyturn-0123456789abcdef01'];
  for (const name of [...other, '.credential.json.keyturn-0123456789abcdef01'])
    await writeFile(join(folder, name), 'x');

  await file().prepare();

  expect((await readdir(folder)).sort()).toEqual([...other].sort());
});

describe('is refused before anything is written', () => {
  test('a link, whatever it leads to', async () => {
    const { file, folder, path } = await place();
    const target = join(folder, 'target');
    await writeFile(target, 'of somebody else');
    await symlink(target, path);

    await expect(file().prepare()).rejects.toThrow(/^--file cannot be used: .* is a link.*\. Name the file itself\.$/);
    expect(await file().settled(readingOf(credentialText('a'), 1), withinMs)).toBe(false);

    expect(await readFile(target, 'utf8')).toBe('of somebody else');
  });

  test('a folder, and a file in a folder that is not there', async () => {
    const { file, folder, path } = await place();
    await mkdir(path);

    await expect(file().prepare()).rejects.toThrow(/is there and is no file/);
    await expect(file({ path: join(folder, 'none', 'file') }).prepare()).rejects.toThrow(/cannot be kept \(ENOENT\)/);
  });

  test('a document that the format cannot write leaves the file as it was', async () => {
    const { file, path, told } = await place();
    const applied = file({ format: { kind: 'value', field: 'password' } });
    await writeFile(path, 'old');

    expect(await applied.settled(readingOf('{"token":"x"}', 3), withinMs)).toBe(false);

    expect(await readFile(path, 'utf8')).toBe('old');
    expect(told).toEqual([
      {
        kind: 'not-applied',
        file: path,
        version: 3,
        why: 'version 3 cannot be written: it has no field password that is a text',
      },
    ]);
  });
});

test('a second name of the file keeps what it had', async () => {
  const { file, folder, path } = await place();
  const other = join(folder, 'other');
  await writeFile(path, 'old');
  await link(path, other);

  expect(await file().settled(readingOf(credentialText('a'), 1), withinMs)).toBe(true);

  expect(await readFile(other, 'utf8')).toBe('old');
});
