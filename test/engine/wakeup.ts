import { type Steps, type Workflow, ask, workflow } from '../../src/contract/workflow.js';
import type { Json } from '../../src/core/json.js';
import type { Recorded, RotationEvent } from '../../src/core/rotation-event.js';
import { type Advanced, advance } from '../../src/engine/advance.js';
import type { EngineRequest } from '../../src/engine/request.js';
import type { Append, Appended } from '../../src/ports/journal.js';
import { aJournal, requestedMs } from '../support/journal.js';
import { aPlan } from '../support/plans.js';
import { answered } from './by-hand.js';

/** The epoch of the executor. */
export const epoch = 7;
/** The database's time. Milliseconds since 1970. */
export const nowMs = requestedMs + 10;

/** What the steps do in one test. What they saw is claimed, unless it is `nothing to claim`. */
export interface Doing {
  readonly observe?: () => Json;
  readonly judge?: (facts: Json) => { readonly kind: 'wait'; readonly againInMs: number } | { readonly kind: 'pass' };
  readonly output?: unknown;
}

/** A gate, two acts and a final, each of which asks the target once. */
export function small({
  observe = () => 'seen',
  judge = () => ({ kind: 'pass' }),
  output = 'made',
}: Doing = {}): Workflow {
  return workflow('small', 1)
    .gate('look', {
      whenBlind: 'undo',
      *observe(): Steps<Json> {
        return observe();
      },
      judge: (_, facts) => {
        const verdict = judge(facts);
        return verdict.kind === 'pass'
          ? {
              kind: 'pass',
              output: facts,
              ...(facts === 'nothing to claim' ? {} : { claims: ['principal:s:billing'] }),
            }
          : { kind: 'wait', facts, why: 'not yet', againInMs: verdict.againInMs };
      },
    })
    .act('make', {
      touches: ['target'],
      *run() {
        yield* ask('target', 'identify');
        // What a step hands on is JSON by its type; the engine checks what types cannot.
        return { output: output as Json };
      },
      *undo() {
        yield* ask('target', 'raise');
      },
    })
    .act('put', {
      touches: ['store'],
      *run() {
        yield* ask('target', 'identify');
        return { output: 'put' };
      },
      *undo() {},
    })
    .final('end', {
      touches: [],
      guard: { gate: 'look', judge: () => ({ kind: 'pass', notBeforeMs: 0, notAfterMs: nowMs + 5_000 }) },
      *run() {
        return { output: 'ended' };
      },
    })
    .done();
}

/** What the world answers to one question; `undefined`: what it answers when nothing is wrong. */
export type Meddle = (request: EngineRequest, asked: number) => unknown;

export interface Run {
  readonly advanced: Advanced;
  readonly appends: readonly Append[];
  /** Questions in their order, without those for the time. */
  readonly asked: readonly string[];
  readonly questions: readonly EngineRequest[];
  readonly kinds: readonly string[];
}

/** One wakeup of a rotation with this journal, in a world where nothing is wrong but what `meddle` says. */
export function wakeup(
  events: readonly RotationEvent[],
  {
    meddle = () => undefined,
    does = {},
    workflows = [small(does)],
  }: Partial<{ meddle: Meddle; does: Doing; workflows: readonly Workflow[] }> = {},
): Run {
  const plan = aPlan({ workflow: { name: 'small', number: 1 } });
  const journal: Recorded[] = [...aJournal(plan, events)];
  const appends: Append[] = [];
  const surroundings = { nowMs, held: false, waived: [], guardSeq: 3, commands: [] };
  const usual = ({ port, method, args }: EngineRequest): unknown => {
    switch (`${port} ${method}`) {
      case 'leases acquire':
        return { kind: 'granted', secret: plan.secret, fence: { era: 1, epoch, known: true } };
      case 'leases newest':
        return { era: 1, epoch };
      case 'journal load':
        return { events: journal, surroundings };
      case 'journal append': {
        const append = args[0] as Append;
        appends.push(append);
        return { kind: 'appended', seq: 0, atMs: nowMs, surroundings } satisfies Appended;
      }
      case 'process elapsedMs':
        return 0;
      case 'process stopping':
        return false;
      default:
        return 'identity';
    }
  };
  let count = 0;
  const work = advance('r1', { holder: 'worker-1', leaseMs: 5_000, workflows });
  const { result, asked } = answered(work, (request) => meddle(request, (count += 1)) ?? usual(request));
  return {
    advanced: result,
    appends,
    questions: asked,
    asked: asked.filter(({ method }) => method !== 'elapsedMs').map(({ port, method }) => `${port} ${method}`),
    kinds: appends.flatMap((append) => append.events.map(({ kind }) => kind)),
  };
}
