import { type Policy, defaultPolicy } from '../core/policy.js';
import type { ShapedPolicy } from './schema.js';

/** The policy of a secret: what is written, and the defaults for the rest. */
export function policyOf(written: ShapedPolicy): Policy {
  const { retry } = written;
  return {
    soakMs: written.soak ?? defaultPolicy.soakMs,
    canaryMaxMs: written.canaryMax ?? defaultPolicy.canaryMaxMs,
    canaries: written.canaries ?? 'all',
    unknownChecks: written.unknownChecks ?? 'undo',
    graceMs: written.grace ?? defaultPolicy.graceMs,
    quietMs: written.quiet ?? defaultPolicy.quietMs,
    maxSessionAgeMs: written.maxSessionAge ?? defaultPolicy.maxSessionAgeMs,
    drainMaxMs: written.drainMax ?? defaultPolicy.drainMaxMs,
    onDrainMax: written.onDrainMax ?? 'park',
    onRefusal: written.onRefusal ?? 'undo',
    watchMs: written.watch ?? defaultPolicy.watchMs,
    pollMs: written.poll ?? defaultPolicy.pollMs,
    retry: {
      firstMs: retry?.first ?? defaultPolicy.retry.firstMs,
      maxMs: retry?.max ?? defaultPolicy.retry.maxMs,
      attemptsPerCycle: retry?.attemptsPerCycle ?? defaultPolicy.retry.attemptsPerCycle,
      cycles: retry?.cycles ?? defaultPolicy.retry.cycles,
    },
  };
}
