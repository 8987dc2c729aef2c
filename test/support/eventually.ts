import { setTimeout as delay } from 'node:timers/promises';

/** How long and how often a condition is asked for. */
export interface EventuallyOptions {
  /** Default 10 seconds. */
  readonly maxMs?: number;
  /** Default 20 ms. */
  readonly everyMs?: number;
}

/**
 * Asks again until the answer is neither `undefined` nor `false` and gives it back. A question that throws has no
 * answer yet.
 *
 * *Errors*: after the deadline, one that names what was waited for, with the last thing thrown as its cause.
 */
export async function eventually<T>(
  what: string,
  ask: () => T | Promise<T>,
  { maxMs = 10_000, everyMs = 20 }: EventuallyOptions = {},
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + maxMs;
  for (;;) {
    let cause: unknown;
    try {
      const answer = await ask();
      // The type is what the two comparisons leave.
      if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) throw new Error(`not within ${maxMs} ms: ${what}`, { cause });
    await delay(everyMs);
  }
}
