import type { Doors } from './doors.js';

/** Asked for before anything is started: who is told to end meanwhile ends in order, once he has. */
export async function interruption({ terminal }: Doors): Promise<void> {
  if (terminal.interrupted.aborted) return;
  await new Promise<void>((resolve) => {
    terminal.interrupted.addEventListener('abort', () => resolve(), { once: true });
  });
}
