import type { Capabilities } from '../../src/core/capabilities.js';
import type { CanaryFacts } from '../../src/core/canary.js';
import type { Plan, PlannedCheck } from '../../src/core/plan.js';
import type { Status } from '../../src/core/rotation.js';
import type { EngineRequest } from '../../src/engine/request.js';
import type { ConsumerAnswer } from '../../src/ports/step-ports.js';
import { ableCapabilities, promptPolicy } from '../support/plans.js';
import type { World } from './world.js';

/** A world and how a rotation must end in it, wherever its executor is killed. */
export interface Scenario {
  readonly name: string;
  readonly workflow: 'staged-rotation' | 'in-place-rotation';
  readonly capabilities: Capabilities;
  readonly plan: Partial<Plan>;
  readonly startsWithout: boolean;
  readonly ends: Status;
  readonly answer: (
    consumer: string,
    phase: 'canary' | 'drain',
    version: number,
  ) => Pick<ConsumerAnswer, 'answer' | 'reason'>;
  readonly prepare?: (world: World) => void;
  /** Called before each question is answered: answers in its place, or throws what the port would throw. */
  readonly meddle?: (world: World, request: EngineRequest) => { readonly answer: unknown } | undefined;
  /** Called before each wakeup. */
  readonly meanwhile?: (world: World) => void;
}

const unfenced: Capabilities = { ...ableCapabilities, fence: false, settleMs: 8_000 };
const provider: Capabilities = { ...unfenced, origin: 'provider' };
const oneLive: Capabilities = { ...ableCapabilities, overlap: 'one-live', disable: false, endsSessions: false };

const proved = () => ({ answer: 'proved', reason: '' }) as const;
const consumers: Plan['consumers'] = [
  { name: 'app', url: null, canary: true, required: true, cacheTtlMs: 0 },
  { name: 'batch', url: null, canary: false, required: true, cacheTtlMs: 0 },
];

const base = {
  workflow: 'staged-rotation',
  capabilities: ableCapabilities,
  plan: { consumers },
  startsWithout: false,
  ends: 'completed',
  answer: proved,
} as const;

const refusing = (at: 'canary' | 'drain') => (_: string, phase: 'canary' | 'drain') =>
  phase === at ? ({ answer: 'refused', reason: 'it does not work' } as const) : proved();

/** A consumer cannot work without the old credential, whatever it has proved. */
function missingOld(): Pick<Scenario, 'answer' | 'meddle'> {
  let isOff = false;
  return {
    answer: (consumer) =>
      isOff && consumer === 'batch' ? { answer: 'refused', reason: 'a login was refused' } : proved(),
    meddle: (world) => {
      isOff = world.state.steps['disable']?.phase === 'done';
      return undefined;
    },
  };
}

/** One endpoint does not get the change until the second wakeup after it. */
function halfApplied(heals: boolean): Pick<Scenario, 'prepare' | 'meanwhile'> {
  let failed = 0;
  return {
    prepare: (world) => {
      failed = 0;
      world.memory.target.cut.add('two');
    },
    meanwhile: (world) => {
      failed += world.state.steps['create']?.failures ?? 0;
      if (heals && failed > 0) world.memory.target.cut.clear();
    },
  };
}

const errors: PlannedCheck = {
  ...{ name: 'errors', failAfter: 2, kind: 'prometheus', url: 'https://metrics.example', query: 'up', token: null },
  ...{ holds: 'below', limit: 0.05 },
};
const soaking = { consumers, policy: { ...promptPolicy, soakMs: 3_000 }, checks: [errors] };

/** A metric that is well until the soak has begun, and shows this from then on. */
function showing(values: readonly number[]): Pick<Scenario, 'plan' | 'meddle'> {
  return {
    plan: soaking,
    meddle: ({ state }, { port }) => {
      const facts = state.steps['canary']?.output as Partial<CanaryFacts> | null | undefined;
      const hasBegun = (facts?.checks ?? []).length > 0;
      return port === 'checks' && hasBegun ? { answer: [{ check: 'errors', kind: 'samples', values }] } : undefined;
    },
  };
}

/** The success, the failed canary, the failed drain and the half-applied create; and the same where less is possible. */
export const scenarios: readonly Scenario[] = [
  { ...base, name: 'success' },
  { ...base, name: 'success of a first credential', startsWithout: true },
  {
    ...base,
    name: 'success after waiting',
    plan: { consumers, policy: { ...promptPolicy, graceMs: 3_000, quietMs: 2_000, watchMs: 4_000, soakMs: 1_000 } },
  },
  { ...base, name: 'success at a target that cannot fence', capabilities: unfenced },
  { ...base, name: 'success with a provider-born value', capabilities: provider },
  { ...base, name: 'success at a target that cannot disable', capabilities: { ...ableCapabilities, disable: false } },
  { ...base, name: 'failed canary', answer: refusing('canary'), ends: 'rolled_back' },
  {
    ...base,
    name: 'failed canary at a target that cannot fence',
    answer: refusing('canary'),
    capabilities: unfenced,
    ends: 'rolled_back',
  },
  {
    ...base,
    name: 'failed canary with a provider-born value',
    answer: refusing('canary'),
    capabilities: provider,
    ends: 'rolled_back',
  },
  {
    ...base,
    name: 'failed canary of a first credential',
    answer: refusing('canary'),
    startsWithout: true,
    ends: 'rolled_back',
  },
  { ...base, name: 'success with a metric that stays well', plan: soaking },
  { ...base, ...showing([0.31]), name: 'metric that rises during the soak', ends: 'rolled_back' },
  {
    ...base,
    ...showing([]),
    name: 'metric that goes away during the soak',
    // Each look is one more place to be killed at, and pairs of them are tried.
    plan: { ...soaking, policy: { ...soaking.policy, canaryMaxMs: 5_000 } },
    ends: 'rolled_back',
  },
  { ...base, name: 'failed drain', answer: refusing('drain'), ends: 'rolled_back' },
  {
    ...base,
    name: 'failed drain at a target that cannot fence',
    answer: refusing('drain'),
    capabilities: unfenced,
    ends: 'rolled_back',
  },
  {
    ...base,
    name: 'failed drain with a provider-born value',
    answer: refusing('drain'),
    capabilities: provider,
    ends: 'rolled_back',
  },
  { ...base, ...missingOld(), name: 'failed watch', ends: 'parked' },
  {
    ...base,
    ...missingOld(),
    name: 'failed watch at a target that cannot fence',
    capabilities: unfenced,
    ends: 'parked',
  },
  { ...base, ...halfApplied(true), name: 'half-applied create that heals' },
  { ...base, ...halfApplied(false), name: 'half-applied create that does not heal', ends: 'rolled_back' },
  { ...base, name: 'success in place', workflow: 'in-place-rotation', capabilities: oneLive },
  {
    ...base,
    name: 'failed drain in place',
    workflow: 'in-place-rotation',
    capabilities: oneLive,
    answer: refusing('drain'),
    ends: 'rolled_back',
  },
];
