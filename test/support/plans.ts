import type { Capabilities } from '../../src/core/capabilities.js';
import type { Plan } from '../../src/core/plan.js';
import { type Policy, defaultPolicy } from '../../src/core/policy.js';

/** A target where everything is possible. */
export const ableCapabilities: Capabilities = {
  overlap: 'two-live',
  origin: 'ours',
  fence: true,
  disable: true,
  usage: true,
  endsSessions: true,
  list: true,
  settleMs: 0,
};

/** A policy that waits for nothing but what is missing. */
export const promptPolicy: Policy = {
  ...defaultPolicy,
  graceMs: 0,
  quietMs: 0,
  maxSessionAgeMs: 0,
  watchMs: 0,
  pollMs: 1_000,
  drainMaxMs: 60_000,
  canaryMaxMs: 30_000,
  retry: { firstMs: 1_000, maxMs: 8_000, attemptsPerCycle: 4, cycles: 2 },
};

/** A plan of a staged rotation of `test:/billing/db`; name what the test is about. */
export function aPlan(change: Partial<Plan> = {}): Plan {
  return {
    rotationId: 'r1',
    environment: 'test',
    path: '/billing/db',
    secret: 'test:/billing/db',
    workflow: { name: 'staged-rotation', number: 1 },
    target: 'billing',
    rotator: 'memory',
    principal: 'billing',
    config: {},
    capabilities: ableCapabilities,
    storeSettleMs: 0,
    fields: { identity: 'username', value: 'password' },
    policy: promptPolicy,
    consumers: [],
    trigger: 'demand',
    reason: 'a test',
    requestedBy: 'local:test',
    repair: false,
    adopted: true,
    ...change,
  };
}
