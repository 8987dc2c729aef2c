import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type AgentOptions, type OnceOptions, applyOnce, startAgent } from '../../src/agent/agent.js';
import { CanaryTrial } from '../../src/agent/canary-trial.js';
import { eventually } from '../support/eventually.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { command, credentialText, events, readingOf } from './readings.js';

/** Agents of one file, each with a store of its own that always answers. */
async function place() {
  const folder = await temporaryFolder();
  const path = join(folder, 'value');
  const reading = readingOf(credentialText('a'), 1);
  const { tell } = events();
  const options = (canaryCheck: AgentOptions['canaryCheck'] = null): AgentOptions & OnceOptions => ({
    ...{ secrets: ['/billing/db'], staging: 'labels', ttlMs: 60_000, staleMs: 60_000 },
    source: { read: () => Promise.resolve(reading), close: () => undefined },
    file: { path, format: { kind: 'json' }, reload: { kind: 'none' }, check: null },
    ...{ canaryCheck, challenges: null, socket: null, tell, signal: new AbortController().signal },
  });
  return {
    ...{ folder, path, reading, options },
    start: async (canaryCheck?: AgentOptions['canaryCheck']) => {
      const started = await startAgent(options(canaryCheck));
      onTestFinished(() => started.stop());
      await eventually('the file is written', () => existsSync(path));
      return started;
    },
  };
}

test('a second agent at a file refuses to start, and what the first one has under way is left alone', async () => {
  const { folder, path, reading, start, options } = await place();
  const [begun, fine] = [join(folder, 'begun'), join(folder, 'fine')];
  const canaryCheck = command([
    ...['sh', '-c', `: > ${begun}; until test -e ${fine}; do sleep 0.02; done; test -s "$1"`, 'sh'],
    '{file}',
  ] as const);
  const first = await start();
  const trial = new CanaryTrial({ command: canaryCheck, file: path, format: { kind: 'json' } });
  const outcome = trial.try(reading, { rotation: 'r1', withinMs: 60_000 });
  await eventually('it is tried', () => existsSync(begun));

  const refusal = /^--file cannot be used: another agent keeps .*value\. Stop that one, or name another path\./;
  await expect(startAgent(options(canaryCheck))).rejects.toThrow(refusal);
  await expect(applyOnce(options())).rejects.toThrow(refusal);

  await writeFile(fine, '');
  expect(await outcome).toEqual({ kind: 'passed' });
  await first.stop();
  expect(await applyOnce(options())).toBeUndefined();
  expect((await readdir(folder)).sort()).toEqual(['begun', 'fine', 'value']);
});

test('a pending version that a killed agent has left is removed by any, and what others have named so is not', async () => {
  const { folder, path, start } = await place();
  const left = ['.value.keyturn-pending', '..value.keyturn-pending.keyturn-0123456789abcdef01'];
  for (const name of left) await writeFile(join(folder, name), 'a pending value');
  await writeFile(`${path}.pending`, 'of somebody else');

  const agent = await start();
  await agent.stop();

  expect((await readdir(folder)).sort()).toEqual(['value', 'value.pending']);
  expect(await readFile(`${path}.pending`, 'utf8')).toBe('of somebody else');
});

test.each(['.value.keyturn-pending', '.value.keyturn-reload', '.value.keyturn-0123456789abcdef01'])(
  'a folder that has the name %s is told of, and nothing is left claimed',
  async (name) => {
    const { folder, options } = await place();
    await mkdir(join(folder, name));

    for (const work of [startAgent, applyOnce]) {
      await expect(work(options())).rejects.toThrow(
        new RegExp(`^--file cannot be used: \\S+${name} is in the way\\. Remove it: .*`),
      );
    }

    expect(await readdir(folder)).toEqual([name]);
  },
);

test('once that is told to end ends the command that is under way with all that it has started', async () => {
  const { folder, options } = await place();
  const pids = join(folder, 'pids');
  const ends = new AbortController();
  const check = command(['sh', '-c', `sleep 1000 & echo $! $$ > ${pids}; wait`]);
  const { file, ...others } = options();
  const once = applyOnce({ ...others, file: { ...file, check }, signal: ends.signal });
  const started = await eventually('it is checked', async () => {
    const found = (await readFile(pids, 'utf8')).trim().split(' ');
    return found.length === 2 && found;
  });

  ends.abort();

  expect(await once).toBe('it was told to end before that');
  // Who has inherited it may not have fetched its exit code yet.
  await eventually('both are gone', async () => {
    const states = await Promise.all(started.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z')));
    return states.every((state) => /\) Z/.test(state));
  });
  expect((await readdir(folder)).sort()).toEqual(['pids', 'value']);
});
