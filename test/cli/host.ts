import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { built } from '../support/built.js';
import type { Answer } from './keyturn.js';

/** What a command is run with. */
export interface HostedCommand {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

let host: Promise<ChildProcess> | undefined;
let last: Promise<unknown> = Promise.resolve();

/** Runs a command in the host of this test file. One after the other: folder and environment are the process's own. */
export async function hosted(command: HostedCommand): Promise<Answer> {
  const answer = last.then(async () => send(await (host ??= startHost()), command));
  last = answer.catch(() => {});
  return answer;
}

async function startHost(): Promise<ChildProcess> {
  const child = fork(
    fileURLToPath(new URL('host-process.mjs', import.meta.url)),
    [built('src/main.js'), built('src/cli/program.js')],
    { execArgv: [], env: {}, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  );
  child.once('exit', () => (host = undefined));
  await once(child, 'message');
  // It ends with this process, and does not keep it.
  child.unref();
  child.channel?.unref();
  return child;
}

async function send(child: ChildProcess, command: HostedCommand): Promise<Answer> {
  child.channel?.ref();
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`the host of commands ended with ${code}`));
      child.once('exit', ended);
      child.once('message', (answer: Answer) => {
        child.off('exit', ended);
        resolve(answer);
      });
      child.send(command);
    });
  } finally {
    child.channel?.unref();
  }
}
