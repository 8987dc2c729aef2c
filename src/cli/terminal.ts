import { isatty } from 'node:tty';
import type { Terminal } from './doors.js';

/** The process's own terminal. Signals are listened to from the first time somebody asks whether one came. */
export function processTerminal(): Terminal {
  let interrupted: AbortController | undefined;
  // Whoever reads our output may stop reading: `keyturn history | head`.
  process.stdout.on('error', () => {});
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
