import { setTimeout as delay } from 'node:timers/promises';
import { keyturnError } from '../../core/errors.js';

/** How a condition is waited for. */
export interface WaitOptions {
  /** Ends the wait: somebody interrupted the demo. */
  readonly signal: AbortSignal;
  /** Default 60 s. */
  readonly maxMs?: number;
  /** Default 20 ms. */
  readonly everyMs?: number;
}

/**
 * Asks until there is an answer other than undefined, and gives it back.
 *
 * *Errors* `DEMO_BROKEN_OFF` where there is none in time, or the demo was interrupted; it names what was waited for.
 */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, options: WaitOptions): Promise<T> {
  const { signal, maxMs = 60_000, everyMs = 20 } = options;
  const deadline = performance.now() + maxMs;
  for (;;) {
    if (signal.aborted) throw keyturnError('DEMO_BROKEN_OFF', { finding: 'it was interrupted' });
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) {
      throw keyturnError('DEMO_BROKEN_OFF', { finding: `waited ${Math.round(maxMs / 1000)} s in vain: ${what}` });
    }
    await delay(everyMs, undefined, { signal }).catch(() => {});
  }
}
