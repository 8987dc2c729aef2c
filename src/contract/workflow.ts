import type { GuardVerdict, Moment, Verdict } from '../core/decide.js';
import type { Json } from '../core/json.js';
import type { Plan } from '../core/plan.js';
import type { Secret } from '../core/secret.js';
import type { StepPorts } from '../ports/step-ports.js';

export type { GuardVerdict, Moment, Verdict } from '../core/decide.js';
export { type Credential, parseCredential, renderCredential, unfitValue } from '../core/credential.js';
export { type ErrorCode, type ErrorFacts, KeyturnError, keyturnError } from '../core/errors.js';
export type { Json } from '../core/json.js';
export {
  type EndpointAnswer,
  type Finding,
  type Usage,
  deadEverywhere,
  everywhere,
  whereAnswered,
} from '../core/observation.js';
export type { Plan, PlannedCheck, PlannedConsumer } from '../core/plan.js';
export { type Secret, sameSecret } from '../core/secret.js';
export type { ConsumerAnswer, Standing, StepPorts, StoredVersion } from '../ports/step-ports.js';

// The judges and guards of our own workflows, for workflows that vary them. Pure, and the only ones that are proved.
export { type Canary, type CanaryFacts, type ConsumerFact, canaryLacking, judgeCanary } from '../core/canary.js';
export {
  type LabelUndo,
  type Named,
  type Promotion,
  guardUndoCreate,
  guardUndoPromote,
  mustAcceptNamed,
} from '../core/compensation-guard.js';
export { factsAfter } from '../core/consumer-facts.js';
export { type Drain, type DrainFacts, judgeDrain } from '../core/drain.js';
export type { EvidenceFacts, Expected } from '../core/evidence.js';
export { type OldCredential, type Preflight, type PreflightFacts, judgePreflight } from '../core/preflight.js';
export { guardPromote } from '../core/promote-guard.js';
export { guardDestroy, guardDisable } from '../core/revoke-guard.js';
export { type CheckFact, type CheckSight, checkFactsAfter } from '../core/soak-check.js';
export { type RefusedFacts, type Watch, type WatchFacts, fromConsumers, judgeWatch } from '../core/watch.js';

/** One question of a step to a port, as data: production awaits the answer, a simulation gives it at once. */
export interface Request {
  readonly port: keyof StepPorts;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** What a step's functions return: a generator of questions that ends in a result. There are no promises in a step. */
export type Steps<Result> = Generator<Request, Result, unknown>;

type Arguments<Member> = Member extends (...args: infer Args) => unknown ? Args : never;
type Answer<Member> = Member extends (...args: never[]) => infer Result ? Result : never;

/** Asks a port: `const version = yield* ask('store', 'read', 'current')`. Throws what the port throws. */
export function* ask<Port extends keyof StepPorts, Method extends keyof StepPorts[Port] & string>(
  port: Port,
  method: Method,
  ...args: Arguments<StepPorts[Port][Method]>
): Steps<Answer<StepPorts[Port][Method]>> {
  // The one cast: what answers a request answers by the type of the member that was asked.
  return (yield { port, method, args }) as Answer<StepPorts[Port][Method]>;
}

/** What a step is told: the snapshot, the outputs of the steps before it, and what time it is. */
export interface Context<Before> {
  readonly plan: Plan;
  /** Outputs of the steps before this one, by name. */
  readonly before: Before;
  readonly moment: Moment;
  /** 1 for the first try. */
  readonly attempt: number;
  /** True where the state database was older than it had been: this rotation, or a later one, may have gone further. */
  readonly rewound: boolean;
}

/**
 * What an undo is told. Of the steps before it only what the journal knows: it may have been rewound, and then every act of
 * the workflow is undone, each by looking at the world for what there is to take back.
 */
export interface Undoing<Before, Output extends Json> extends Context<Partial<Before>> {
  /** Null where it is not known whether `run` did anything: look at the world. */
  readonly output: Output | null;
  /** False where the journal does not know that `run` was ever meant: there is probably nothing, and nothing is no error. */
  readonly meant: boolean;
}

/** What an act hands on: JSON for the journal, secrets to be sealed beside it, never one in the other. */
export interface Done<Output extends Json> {
  readonly output: Output;
  /** Values to keep for later steps, by slot. They are sealed and committed with the outcome. */
  readonly seal?: Readonly<Record<string, Secret>>;
}

/** What a step may change outside; decides what must be settled before it is undone. */
export type Touches = readonly ('target' | 'store')[];

/**
 * A step with effects and a way back. Both directions may run again at any time, after a crash too, and must then end
 * in the same outside state as once.
 */
export interface Act<Before, Output extends Json> {
  readonly touches: Touches;
  readonly run: (context: Context<Before>) => Steps<Done<Output>>;
  readonly undo: (context: Undoing<Before, Output>) => Steps<void>;
  /** What must hold at the moment the act is meant, judged on what the gate named here has seen. */
  readonly guard?: Guard<Before>;
}

/** Holds an act or a final back unless facts that are young enough allow it. */
export interface Guard<Before> {
  /** The gate that collects the facts; it looks again when they are stale. */
  readonly gate: keyof Before & string;
  readonly judge: (context: Omit<Context<Before>, 'attempt'>) => GuardVerdict;
}

/** A step without effects: it asks, looks, and judges. Repeatable. */
export interface Gate<Before, Facts extends Json, Output extends Json> {
  /** Looks at the world. `previous` are the facts of the last look that made it wait. */
  readonly observe: (context: Context<Before> & { readonly previous: Facts | null }) => Steps<Facts>;
  /** Pure. */
  readonly judge: (context: Omit<Context<Before>, 'attempt'>, facts: Facts) => Verdict<Facts, Output>;
  /** What happens when looking itself keeps failing: turn back, or wait for a person. */
  readonly whenBlind: 'undo' | 'park';
}

/** A step without a way back. It is retried until it holds. */
export interface Final<Before, Output extends Json> {
  readonly touches: Touches;
  readonly run: (context: Context<Before>) => Steps<Done<Output>>;
  readonly guard: Guard<Before>;
}

/** A step of a finished workflow, with its types erased: the engine checks at run time that outputs are JSON. */
export type Step =
  | ({ readonly kind: 'act'; readonly name: string } & Act<never, Json>)
  | ({ readonly kind: 'gate'; readonly name: string } & Gate<never, never, Json>)
  | ({ readonly kind: 'final'; readonly name: string } & Final<never, Json>);

/** A named, numbered, frozen list of steps. An old number stays until no open rotation carries it. */
export interface Workflow {
  readonly name: string;
  readonly number: number;
  readonly steps: readonly Step[];
}

type Outputs = object;
type Fresh<Name extends string, Before> = Name extends keyof Before ? never : Name;
type With<Before, Name extends string, Output> = Before & { readonly [Key in Name]: Output };

/** A workflow being written: what a step may read is what has happened before it. */
export interface Draft<Before extends Outputs> {
  gate<Name extends string, Facts extends Json, Output extends Json>(
    name: Fresh<Name, Before>,
    gate: Gate<Before, Facts, Output>,
  ): Draft<With<Before, Name, Output>>;
  act<Name extends string, Output extends Json>(
    name: Fresh<Name, Before>,
    act: Act<Before, Output>,
  ): Draft<With<Before, Name, Output>>;
  /** After the first final there is no way back, so only finals may follow. */
  final<Name extends string, Output extends Json>(
    name: Fresh<Name, Before>,
    final: Final<Before, Output>,
  ): Closing<With<Before, Name, Output>>;
}

/** A workflow past its point of no return. */
export interface Closing<Before extends Outputs> {
  final<Name extends string, Output extends Json>(
    name: Fresh<Name, Before>,
    final: Final<Before, Output>,
  ): Closing<With<Before, Name, Output>>;
  /** Freezes it. */
  done(): Workflow;
}

/** Begins a workflow. Its name and number are written into journals: a changed list of steps is a new number. */
export function workflow(name: string, number: number): Draft<Record<never, never>> {
  return draft(name, number, []);
}

function draft(
  name: string,
  number: number,
  steps: readonly Step[],
): Draft<Record<never, never>> & Closing<Record<never, never>> {
  // Types are erased here, once: `Draft` has checked that each step reads only what stands before it.
  const add = (kind: Step['kind']) => (step: string, definition: object) =>
    draft(name, number, [...steps, Object.freeze({ ...definition, kind, name: step }) as Step]);
  return {
    gate: add('gate'),
    act: add('act'),
    final: add('final'),
    done: () => Object.freeze({ name, number, steps: Object.freeze(steps) }),
  } as Draft<Record<never, never>> & Closing<Record<never, never>>;
}
