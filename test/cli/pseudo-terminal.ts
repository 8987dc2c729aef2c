import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { build, built } from '../support/built.js';
import type { RunOptions } from './keyturn.js';

/** True where `script` of util-linux can lend a terminal. */
export const canLendTerminal = spawnSync('script', ['--version']).status === 0;

/** Runs the command line as a person does: standard input, output and error are a terminal. */
export async function keyturnAtTerminal(
  args: readonly string[],
  { cwd, env = {} }: RunOptions,
): Promise<{ readonly code: number | null; readonly shown: string }> {
  await build();
  const words = [process.execPath, built('src/cli/bin.js'), ...args].map(
    (word) => `'${word.replaceAll("'", `'\\''`)}'`,
  );
  const child = spawn('script', ['-qec', words.join(' '), '/dev/null'], {
    cwd,
    env: { PATH: process.env['PATH'], SHELL: '/bin/sh', TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, shown: shown.replaceAll('\r\n', '\n') };
}
