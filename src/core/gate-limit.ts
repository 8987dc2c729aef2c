import type { Json } from './json.js';
import { type RotationState, stepState } from './rotation.js';

/** How long a waiting gate may go on lacking what it lacks, by its policy. */
export interface GateLimit {
  /** Of the policy. */
  readonly setting: 'canaryMax' | 'drainMax';
  readonly maxMs: number;
  /** When it has had its time: the look after it ends the waiting. Milliseconds since 1970. */
  readonly atMs: number;
  /** What the rotation does then. Both: it parks only where nothing but a check is unknown. */
  readonly then: 'turns back' | 'parks' | 'turns back or parks';
}

/**
 * When a gate that goes on waiting as it last did has had its time, as `judgeCanary` and `judgeDrain` count it.
 *
 * *Returns* null where nothing is counted: at another gate, while the canary is well and only soaks, while drain is held, and
 * where the time of drain is extended.
 */
export function gateLimit(
  state: RotationState,
  step: string,
  { isHeld }: { readonly isHeld: boolean },
): GateLimit | null {
  const { canaryMaxMs, drainMaxMs, onDrainMax, unknownChecks } = state.plan.policy;
  const { openedMs, output } = stepState(state, step);
  switch (step) {
    case 'canary': {
      if (numberIn(output, 'wellSinceMs') !== undefined) return null;
      const lookedFromMs = numberIn(output, 'beganMs') ?? 0;
      // Opened anew, as by a resume, it has its time anew: what it was well for before is not added to that.
      const countedMs = openedMs > lookedFromMs ? openedMs : lookedFromMs + (numberIn(output, 'wellMs') ?? 0);
      const then = unknownChecks === 'park' ? 'turns back or parks' : 'turns back';
      return { setting: 'canaryMax', maxMs: canaryMaxMs, atMs: countedMs + canaryMaxMs, then };
    }
    case 'drain':
      return isHeld || onDrainMax === 'extend'
        ? null
        : { setting: 'drainMax', maxMs: drainMaxMs, atMs: openedMs + drainMaxMs, then: 'parks' };
    default:
      return null;
  }
}

function numberIn(facts: Json, name: string): number | undefined {
  if (typeof facts !== 'object' || facts === null) return undefined;
  const value = new Map<string, unknown>(Object.entries(facts)).get(name);
  return typeof value === 'number' ? value : undefined;
}
