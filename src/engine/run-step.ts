import type { Context, Request, Step, Steps } from '../contract/workflow.js';
import type { Verdict } from '../core/decide.js';
import { type ErrorCode, type ErrorFacts, isKeyturnError } from '../core/errors.js';
import type { Json } from '../core/json.js';
import type { StepState } from '../core/rotation.js';
import type { Secret } from '../core/secret.js';
import type { SealedValue } from '../ports/journal.js';
import { type Authority, type Work, request } from './request.js';

/** What became of one move. */
export type StepOutcome =
  | { readonly kind: 'raised' }
  | { readonly kind: 'ran'; readonly output: Json; readonly sealed: readonly SealedValue[]; readonly tookMs: number }
  | { readonly kind: 'judged'; readonly verdict: Verdict<Json, Json>; readonly tookMs: number }
  | { readonly kind: 'undone'; readonly tookMs: number }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly facts: ErrorFacts };

/** One step, as it is now. */
export interface StepScope {
  readonly context: Omit<Context<never>, 'attempt' | 'before'> & { readonly before: Readonly<Record<string, Json>> };
  readonly authority: Authority;
  readonly state: StepState;
}

/** Lifts the target's fence to our epoch. */
export function* raiseFence(scope: StepScope): Work<StepOutcome> {
  return yield* sorted(scope, function* () {
    yield { port: 'target', method: 'raise', args: [], authority: scope.authority };
    return { kind: 'raised' };
  });
}

/** Runs an act or a final forwards and seals what it hands on. */
export function* runStep(step: Step, scope: StepScope): Work<StepOutcome> {
  return yield* sorted(scope, function* (elapsed) {
    if (step.kind === 'gate') throw new TypeError('a gate has nothing to run');
    const done = yield* under(scope.authority, step.run(told(scope)));
    const sealed: SealedValue[] = [];
    for (const [slot, value] of Object.entries(done.seal ?? {}))
      sealed.push({ slot, sealed: yield* seal(scope, slot, value) });
    return { kind: 'ran', output: done.output, sealed, tookMs: yield* elapsed() };
  });
}

/** Takes an act back. */
export function* undoStep(step: Step, scope: StepScope): Work<StepOutcome> {
  return yield* sorted(scope, function* (elapsed) {
    if (step.kind !== 'act') throw new TypeError('only an act can be undone');
    const { output, meant } = scope.state;
    yield* under(scope.authority, step.undo({ ...told(scope), output, meant }));
    return { kind: 'undone', tookMs: yield* elapsed() };
  });
}

/** Looks for a gate, and judges. */
export function* lookStep(step: Step, scope: StepScope): Work<StepOutcome> {
  return yield* sorted(scope, function* (elapsed) {
    if (step.kind !== 'gate') throw new TypeError('only a gate can look');
    // A gate keeps its facts in the place of its output while it is open.
    const facts = yield* under(
      scope.authority,
      step.observe({ ...told(scope), previous: scope.state.output as never }),
    );
    return { kind: 'judged', verdict: step.judge(told(scope), facts), tookMs: yield* elapsed() };
  });
}

/** Types of steps are erased in a workflow; its builder has checked them. */
function told(scope: StepScope): Context<never> {
  return { ...scope.context, attempt: scope.authority.attempt } as Context<never>;
}

/** Passes a step's questions on, under this executor's authority. */
function* under<Result>(authority: Authority, steps: Steps<Result>): Work<Result> {
  let answer: unknown;
  let error: { readonly thrown: unknown } | null = null;
  for (;;) {
    const next: IteratorResult<Request, Result> = error === null ? steps.next(answer) : steps.throw(error.thrown);
    if (next.done === true) return next.value;
    error = null;
    try {
      answer = yield { ...next.value, authority };
    } catch (thrown) {
      error = { thrown };
    }
  }
}

function* seal(scope: StepScope, slot: string, value: Secret): Work<Uint8Array> {
  return (yield { port: 'sealer', method: 'seal', args: [slot, value], authority: scope.authority }) as Uint8Array;
}

/** An error of a step becomes an outcome here, and nowhere else. */
function* sorted(scope: StepScope, work: (elapsed: () => Work<number>) => Work<StepOutcome>): Work<StepOutcome> {
  const startedMs = yield* request('process', 'elapsedMs');
  try {
    return yield* work(function* () {
      return Math.round((yield* request('process', 'elapsedMs')) - startedMs);
    });
  } catch (thrown) {
    if (isKeyturnError(thrown)) return { kind: 'failed', code: thrown.code, facts: thrown.facts };
    return {
      kind: 'failed',
      code: 'STEP_FAILED',
      facts: { step: scope.authority.step, name: thrown instanceof Error ? thrown.name : typeof thrown },
    };
  }
}
