import type { Capabilities } from '../../src/core/capabilities.js';
import type { Plan, PlannedConsumer } from '../../src/core/plan.js';
import type { Canaries, Policy } from '../../src/core/policy.js';
import { ableCapabilities, promptPolicy } from '../support/plans.js';
import type { Chance } from './chance.js';

/** One secret of a simulated world, as its configuration declares it at first. */
export interface SimulatedSecret {
  /** `environment:/path`. */
  readonly id: string;
  readonly path: string;
  readonly target: string;
  readonly principal: string;
  readonly workflow: 'staged-rotation' | 'in-place-rotation';
  readonly capabilities: Capabilities;
  readonly endpoints: readonly string[];
  /** True where it has no version before its first rotation. */
  readonly startsWithout: boolean;
  readonly consumers: readonly PlannedConsumer[];
}

/** The environment of every simulated secret. */
const environment = 'sim';

/** What kinds of target there are; each is honest about what it can do. */
const kinds: Readonly<Record<string, Capabilities>> = {
  fenced: { ...ableCapabilities, refusedLogins: true },
  blunt: { ...ableCapabilities, disable: false, endsSessions: false },
  unfenced: { ...ableCapabilities, refusedLogins: true, fence: false, settleMs: 8_000 },
  silent: { ...ableCapabilities, fence: false, settleMs: 8_000, usage: false, endsSessions: false },
  provider: { ...ableCapabilities, refusedLogins: true, fence: false, settleMs: 8_000, origin: 'provider' },
  single: { ...ableCapabilities, overlap: 'one-live', disable: false, endsSessions: false },
};

/** Draws 1 to 3 secrets over 1 to 3 targets; most worlds are of one secret, so that many are seen in the same time. */
export function drawPopulation(chance: Chance): readonly SimulatedSecret[] {
  const targets = Array.from({ length: chance.between(1, 3) }, (_, index) => ({
    name: `target${index + 1}`,
    capabilities: kinds[chance.pick(Object.keys(kinds))] as Capabilities,
    endpoints: ['one', 'two', 'three'].slice(0, chance.between(1, 3)),
  }));
  return Array.from({ length: chance.pick([1, 1, 1, 1, 1, 1, 2, 2, 3]) }, (_, index) => {
    const { name, capabilities, endpoints } = chance.pick(targets);
    const path = `/app${index + 1}/db`;
    return {
      id: `${environment}:${path}`,
      path,
      target: name,
      principal: `app${index + 1}`,
      workflow: capabilities.overlap === 'one-live' ? 'in-place-rotation' : 'staged-rotation',
      capabilities,
      endpoints,
      startsWithout: chance.happens(0.15),
      consumers: drawConsumers(chance),
    };
  });
}

/** Draws the consumers of a secret: any of them may be required, a canary, both or neither. */
function drawConsumers(chance: Chance): readonly PlannedConsumer[] {
  return ['app', 'batch', 'report'].slice(0, chance.pick([0, 1, 1, 2, 3])).map((name) => ({
    name,
    url: null,
    canary: chance.happens(0.4),
    required: chance.happens(0.7),
    cacheTtlMs: chance.pick([0, 0, 0, 2_000, 10_000]),
  }));
}

/** Of one consumer. */
export const MOST_INSTANCES = 2;

/** Draws how long rotations of a secret wait; seconds rather than hours, so that a run has many of them. */
export function drawPolicy(chance: Chance): Policy {
  return {
    ...promptPolicy,
    soakMs: chance.pick([0, 0, 0, 3_000]),
    graceMs: chance.pick([0, 0, 2_000, 8_000]),
    quietMs: chance.pick([0, 0, 2_000, 6_000]),
    maxSessionAgeMs: chance.pick([0, 0, 15_000]),
    watchMs: chance.pick([0, 0, 3_000, 10_000]),
    pollMs: chance.pick([2_000, 4_000, 8_000]),
    unknownChecks: chance.pick(['undo', 'park']),
  };
}

/** Draws how many of the canary consumers must prove. */
export function drawCanaries(chance: Chance, consumers: readonly PlannedConsumer[]): Canaries {
  const count = consumers.filter((each) => each.canary).length;
  if (count === 0) return 'all';
  return chance.pick<Canaries>([
    'all',
    'all',
    { count: chance.between(1, count) },
    { percent: chance.between(1, 100) },
  ]);
}

/** Draws how the instances of a consumer are counted. Never fewer than there are: nothing could protect who is not declared. */
export function drawInstances(chance: Chance): Pick<PlannedConsumer, 'instances'> {
  const instances = chance.pick([undefined, 'registered', 'registered', MOST_INSTANCES] as const);
  return instances === undefined ? {} : { instances };
}

/** The snapshot that a rotation of this secret runs on. */
export function planOf(
  secret: SimulatedSecret,
  rotation: Pick<Plan, 'rotationId' | 'policy' | 'consumers' | 'checks' | 'repair' | 'exposed'>,
): Plan {
  return {
    ...rotation,
    environment,
    path: secret.path,
    secret: secret.id,
    workflow: { name: secret.workflow, number: 1 },
    target: secret.target,
    rotator: 'memory',
    principal: secret.principal,
    config: {},
    capabilities: secret.capabilities,
    storeSettleMs: 0,
    fields: { identity: 'username', value: 'password' },
    trigger: 'demand',
    reason: 'simulated',
    requestedBy: 'local:sim',
    adopted: true,
  };
}

/** What a rotation of this secret claims, as the configuration would have it. */
export function claimsOf(secret: SimulatedSecret): readonly string[] {
  return [`secret ${secret.id}`, `principal ${environment}:${secret.target}:${secret.principal}`];
}
