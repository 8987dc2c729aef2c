import type { PlannedCheck } from '../../core/plan.js';
import { Secret, openSecret } from '../../core/secret.js';
import type { CheckSight } from '../../core/soak-check.js';
import type { BoundEnginePorts } from '../../ports/engine-ports.js';
import type { ConsumerAnswer } from '../../ports/step-ports.js';
import { MemoryClock } from './clock.js';
import { MemoryState } from './state.js';
import { MemoryStore } from './store.js';
import { MemoryTarget, type MemoryTargetOptions } from './target.js';

/** How a consumer answers a challenge: by its name, the phase and the version. */
export type Answering = (
  consumer: string,
  phase: 'canary' | 'drain',
  version: number,
) => Pick<ConsumerAnswer, 'answer' | 'reason'>;

/** Every port in memory, over one clock. */
export interface MemoryPorts {
  readonly clock: MemoryClock;
  readonly state: MemoryState;
  readonly store: MemoryStore;
  readonly target: MemoryTarget;
  readonly ports: BoundEnginePorts;
}

/** Puts a world together in which an engine can run, crash and be judged without anything outside the process. */
export function memoryPorts(
  target: Omit<MemoryTargetOptions, 'clock'>,
  answering: Answering = () => ({ answer: 'proved', reason: '' }),
): MemoryPorts {
  const clock = new MemoryClock();
  const state = new MemoryState(clock);
  const store = new MemoryStore(state);
  const accounts = new MemoryTarget({ ...target, clock });
  const ports: BoundEnginePorts = {
    target: accounts.port,
    store: store.port,
    sealed: {
      open: ({ plan }, slot) => {
        const sealed = state.sealed(plan.rotationId, slot);
        return sealed === undefined ? null : new Secret(sealed.slice());
      },
    },
    // Nothing leaves the process, so sealing is keeping.
    sealer: { seal: (_, __, value) => openSecret(value).slice() },
    consumers: {
      challenge: ({ plan }, phase, version) =>
        plan.consumers
          .filter((each) => (phase === 'canary' ? each.canary : each.required))
          .map(({ name }) => ({ consumer: name, instance: null, ...answering(name, phase, version) })),
    },
    checks: { look: ({ plan }) => (plan.checks ?? []).map(well) },
    standing: {
      read: ({ plan }) => {
        const loaded = state.load(plan.rotationId);
        if (loaded === null) throw new TypeError(`there is no rotation ${plan.rotationId}`);
        return loaded.surroundings;
      },
    },
    process: { elapsedMs: () => clock.nowMs(), stopping: () => false },
    journal: state,
    leases: state,
  };
  return { clock, state, store, target: accounts, ports };
}

/** What a check shows where all is well. */
function well(check: PlannedCheck): CheckSight {
  if (check.kind === 'http') return { check: check.name, kind: 'status', status: check.expectStatus };
  return { check: check.name, kind: 'samples', values: [check.holds === 'below' ? check.limit - 1 : check.limit + 1] };
}
