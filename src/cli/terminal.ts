import { isatty } from 'node:tty';
import type { Terminal } from './doors.js';

/** The process's own terminal. Signals are listened to from the first time somebody asks whether one came. */
export function processTerminal(): Terminal {
  let interrupted: AbortController | undefined;
  process.stdout.on('error', tellUnwritten);
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    isInteractive: process.stdout.isTTY,
    isTerminal: isatty,
    get interrupted() {
      if (interrupted === undefined) {
        const controller = new AbortController();
        interrupted = controller;
        // Once: a second Ctrl-C ends the process as it always does.
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
      }
      return interrupted.signal;
    },
    wasInterrupted: () => interrupted?.signal.aborted ?? false,
  };
}

/** Whoever reads our output may stop reading: `keyturn history | head`. Any other loss of it is no success. */
function tellUnwritten(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') return;
  process.stderr.write(
    `Standard output cannot be written to (${error.code ?? 'unknown'}). What the command did stands.\n`,
  );
  process.once('exit', () => {
    if (process.exitCode === undefined || process.exitCode === 0) process.exitCode = 1;
  });
}
