import type { RetryPolicy } from './policy.js';

/**
 * When to try again after the `attempt`-th failure, or `undefined` where the budget is spent.
 *
 * Delays double from `firstMs` to `maxMs` within a cycle and start again in the next. The jitter takes up to a fifth
 * off, and comes from the rotation and the attempt rather than from chance, so that a replay gives the same delay and
 * a thousand rotations that failed together do not come back together.
 */
export function retryDelayMs(policy: RetryPolicy, attempt: number, key: string): number | undefined {
  if (attempt >= policy.attemptsPerCycle * policy.cycles) return undefined;
  return delayMs(policy, attempt, key);
}

/** The same, for what is never given up: after the budget the delay stays at `maxMs`. */
export function endlessRetryDelayMs(policy: RetryPolicy, attempt: number, key: string): number {
  return retryDelayMs(policy, attempt, key) ?? jittered(policy.maxMs, attempt, key);
}

function delayMs(policy: RetryPolicy, attempt: number, key: string): number {
  const inCycle = (attempt - 1) % policy.attemptsPerCycle;
  return jittered(Math.min(policy.firstMs * 2 ** inCycle, policy.maxMs), attempt, key);
}

function jittered(delay: number, attempt: number, key: string): number {
  return Math.round(delay * (1 - 0.2 * fraction(`${key}:${attempt}`)));
}

/** A number in [0, 1) that depends on the text alone (FNV-1a). */
export function fraction(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }
  return hash / 2 ** 32;
}
