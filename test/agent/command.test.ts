import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runCommand, wordsOf } from '../../src/agent/command.js';
import { eventually } from '../support/eventually.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { command } from './readings.js';

const goesOn = new AbortController().signal;
const run = (...words: [string, ...string[]]) => runCommand(command(words), { file: '/the/file', signal: goesOn });

describe('a command as it is typed', () => {
  test.each([
    ['systemctl reload billing', ['systemctl', 'reload', 'billing']],
    ["  sh -c 'exit 1; echo $HOME' ", ['sh', '-c', 'exit 1; echo $HOME']],
    ['check --name="a b"c {file}', ['check', '--name=a bc', '{file}']],
    ['check ""', ['check', '']],
    [String.raw`echo \n "it's"`, ['echo', String.raw`\n`, "it's"]],
  ])('%s', (text, words) => {
    expect(wordsOf(text)).toEqual(words);
  });

  test.each(['', '   ', "sh -c 'exit", '"', '"" x'])('%j is none', (text) => {
    expect(wordsOf(text)).toBeUndefined();
  });
});

describe('a command', () => {
  test('passes by exit code 0, and {file} in a word of it is the path', async () => {
    expect(await run('test', '--file={file}', '=', '--file=/the/file')).toEqual({ kind: 'passed' });
  });

  test('fails by any other, and has not said where it says that it cannot say', async () => {
    expect(await run('sh', '-c', 'exit 3')).toEqual({ kind: 'failed', why: 'it exited with 3' });
    expect(await run('sh', '-c', 'exit 123')).toEqual({ kind: 'failed', why: 'it exited with 123' });
    for (const code of [75, 124, 125, 126, 127, 128, 137, 143, 255]) {
      expect(await run('sh', '-c', `exit ${code}`)).toEqual({ kind: 'unknown', why: `it exited with ${code}` });
    }
  });

  test('that is not there, may not be run, or is ended by a signal has not said', async () => {
    const folder = await temporaryFolder();

    expect(await run('/no/such/program')).toEqual({ kind: 'unknown', why: 'it cannot be run (ENOENT)' });
    expect(await run(folder)).toEqual({ kind: 'unknown', why: 'it cannot be run (EACCES)' });
    expect(await run('sh', '-c', 'kill -9 $$')).toEqual({ kind: 'unknown', why: 'SIGKILL ended it' });
  });

  test('that is late is ended with all that it has started', async () => {
    const folder = await temporaryFolder();
    const pids = join(folder, 'pids');
    const script = `sleep 1000 & echo $! $$ > ${pids}; wait`;

    const outcome = await runCommand(command(['sh', '-c', script], { timeoutMs: 500 }), { file: '', signal: goesOn });

    expect(outcome).toEqual({ kind: 'unknown', why: 'it took longer than 500 ms' });
    const started = (await readFile(pids, 'utf8')).trim().split(' ');
    expect(started).toHaveLength(2);
    // Who has inherited it may not have fetched its exit code yet.
    await eventually('both are gone', async () => {
      const states = await Promise.all(started.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z')));
      return states.every((state) => /\) Z/.test(state));
    });
  });

  test('is ended when the agent ends, and none is started after that', async () => {
    const folder = await temporaryFolder();
    const started = join(folder, 'started');
    const ends = new AbortController();
    const running = runCommand(command(['sh', '-c', `: > ${started}; sleep 1000`]), { file: '', signal: ends.signal });
    await eventually('it runs', () => existsSync(started));

    ends.abort();

    expect(await running).toEqual({ kind: 'unknown', why: 'the agent ends' });
    const none = await runCommand(command(['true']), { file: '', signal: ends.signal });
    expect(none).toEqual({ kind: 'unknown', why: 'the agent ends' });
  });
});
