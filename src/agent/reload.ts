import { readFile } from 'node:fs/promises';
import { type Command, runCommand } from './command.js';
import { codeOf } from './setting-error.js';

/** How an application is told that its file has changed. */
export type Reload =
  /** It looks by itself. */
  | { readonly kind: 'none' }
  /** A signal to the process that the file names, which is read anew each time. */
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals; readonly pidFile: string }
  | { readonly kind: 'exec'; readonly command: Command }
  /** A POST without a body. Redirects are not followed. */
  | { readonly kind: 'http'; readonly url: string; readonly timeoutMs: number };

/**
 * Tells the application. *Returns* why that did not succeed; undefined: it did. Never throws.
 *
 * A process that is not there has not been told: its file may be wrong, and it may run on with what it has read before.
 */
export async function tellApplication(
  reload: Reload,
  asked: { readonly file: string; readonly signal: AbortSignal },
): Promise<string | undefined> {
  switch (reload.kind) {
    case 'none':
      return undefined;
    case 'signal':
      return sendSignal(reload);
    case 'exec': {
      const outcome = await runCommand(reload.command, asked);
      return outcome.kind === 'passed' ? undefined : outcome.why;
    }
    case 'http':
      return post(reload, asked.signal);
    default:
      return reload satisfies never;
  }
}

async function sendSignal({ signal, pidFile }: Extract<Reload, { kind: 'signal' }>): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(pidFile, 'utf8');
  } catch (error) {
    return `the file ${pidFile} cannot be read (${codeOf(error)})`;
  }
  const pid = /^\s*([1-9][0-9]{0,9})\s*$/.exec(text)?.[1];
  if (pid === undefined) return `the file ${pidFile} holds no process id`;
  if (Number(pid) === process.pid) return `the file ${pidFile} names the agent itself`;
  try {
    process.kill(Number(pid), signal);
    return undefined;
  } catch (error) {
    const code = codeOf(error);
    return code === 'ESRCH' ? `there is no process ${pid}` : `process ${pid} cannot be signalled (${code})`;
  }
}

async function post(
  { url, timeoutMs }: Extract<Reload, { kind: 'http' }>,
  ends: AbortSignal,
): Promise<string | undefined> {
  try {
    const signal = AbortSignal.any([ends, AbortSignal.timeout(timeoutMs)]);
    const answer = await fetch(url, { method: 'POST', redirect: 'manual', signal });
    await answer.body?.cancel();
    return answer.ok ? undefined : `it answered ${answer.status}`;
  } catch (error) {
    if (ends.aborted) return 'the agent ends';
    return error instanceof Error && error.name === 'TimeoutError'
      ? `it took longer than ${timeoutMs} ms`
      : `it did not answer (${codeOf(error instanceof Error ? error.cause : undefined)})`;
  }
}
