import type { Capabilities } from '../../src/core/capabilities.js';
import type { Plan } from '../../src/core/plan.js';
import type { CommandKind, RotationEvent } from '../../src/core/rotation-event.js';
import { ableCapabilities } from '../support/plans.js';
import type { Scenario } from './scenarios.js';
import type { World } from './world.js';

/** A staged rotation of one required consumer that proves; name what the test is about. */
export function aScenario(change: Partial<Scenario> = {}): Scenario {
  return {
    name: 'a test',
    workflow: 'staged-rotation',
    capabilities: ableCapabilities,
    plan: { consumers: [{ name: 'app', url: null, canary: true, required: true, cacheTtlMs: 0 }] },
    startsWithout: false,
    ends: 'completed',
    answer: () => ({ answer: 'proved', reason: '' }),
    ...change,
  };
}

/** A scenario that only differs in the plan, for one consumer as in {@link aScenario}. */
export function planned(plan: Partial<Plan>, capabilities: Capabilities = ableCapabilities): Partial<Scenario> {
  return { capabilities, plan: { ...aScenario().plan, ...plan } };
}

/** The kinds of the events of its journal, with their step or code. */
export function told(world: World): readonly string[] {
  const events = world.memory.state.load(world.plan.rotationId)?.events ?? [];
  return events.map(({ event }) => [event.kind, nameIn(event)].filter((each) => each !== '').join(' '));
}

function nameIn(event: RotationEvent): string {
  if ('step' in event) return event.step;
  return 'code' in event ? event.code : '';
}

/** What a person types. */
export function command(world: World, kind: CommandKind): void {
  world.memory.state.command({ rotationId: world.plan.rotationId, kind, by: 'local:kim', reason: 'a test' });
}

/** Both credentials can log in, which is what parking before the point of no return must leave. */
export function bothLive(world: World): boolean {
  return world.old !== null && world.memory.target.accepts(world.old) && world.memory.target.live().length === 2;
}
