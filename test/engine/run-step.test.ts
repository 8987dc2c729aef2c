import { describe, expect, it } from 'vitest';
import { type Steps, ask, workflow } from '../../src/contract/workflow.js';
import { contextOf } from '../../src/core/context.js';
import { keyturnError } from '../../src/core/errors.js';
import { stepState } from '../../src/core/rotation.js';
import { Secret } from '../../src/core/secret.js';
import type { EngineRequest, Work } from '../../src/engine/request.js';
import {
  type StepOutcome,
  type StepScope,
  lookStep,
  raiseFence,
  runStep,
  undoStep,
} from '../../src/engine/run-step.js';
import { done, passed, requestedMs, stateAfter } from '../support/journal.js';
import { Thrown, answered } from './by-hand.js';

const value = Secret.fromText('a value that is long enough');
const told: unknown[] = [];
let run = function* (): Steps<{ readonly output: string; readonly seal?: { readonly new: Secret } }> {
  const { system } = yield* ask('target', 'identify');
  return { output: `made at ${system}`, seal: { new: value } };
};

const small = workflow('small', 1)
  .gate('look', {
    whenBlind: 'undo',
    *observe(context) {
      told.push(context);
      const { system } = yield* ask('target', 'identify');
      return system;
    },
    judge: ({ moment }, facts) =>
      facts === 'known'
        ? { kind: 'pass', output: facts }
        : { kind: 'wait', facts, why: `unknown at ${moment.nowMs}`, againInMs: 9 },
  })
  .act('make', {
    touches: ['target'],
    *run(context) {
      told.push(context);
      return yield* run();
    },
    *undo(context) {
      told.push(context);
      yield* ask('target', 'identify');
    },
  })
  .final('end', {
    touches: [],
    guard: { gate: 'look', judge: () => ({ kind: 'pass', notBeforeMs: 0, notAfterMs: 0 }) },
    *run() {
      return { output: 'ended' };
    },
  })
  .done();

const [look, make, end] = small.steps as unknown as readonly [never, never, never];
const state = stateAfter([...passed('look', 'known'), ...done('make', 'made')]);

function scopeOf(step: string): StepScope {
  const standing = { nowMs: requestedMs, held: false, waived: [], guardSeq: 1 };
  return {
    context: contextOf(state, standing, step),
    authority: {
      plan: state.plan,
      step,
      attempt: 3,
      fence: { era: 1, epoch: 7, known: true },
      nowMs: requestedMs,
    },
    state: stepState(state, step),
  };
}

/** A target at a system, a sealer, and a clock that moves by 1.6 ms whenever it is asked. */
function answering(system: unknown = 'known') {
  let elapsedMs = 10;
  return ({ port, method }: EngineRequest): unknown => {
    if (method === 'elapsedMs') return (elapsedMs += 1.6);
    if (system instanceof Thrown) return system;
    return port === 'sealer' ? new Uint8Array([4]) : { system };
  };
}

const through = (work: Work<StepOutcome>, system?: unknown) => answered(work, answering(system));
const asStep = ({ port, method }: EngineRequest) => `${port} ${method}`;

describe('a step that is carried out', () => {
  it('asks under the authority of its executor, and seals what it hands on', () => {
    const scope = scopeOf('make');
    const { result, asked } = through(runStep(make, scope));
    expect(result).toEqual({
      kind: 'ran',
      output: 'made at known',
      sealed: [{ slot: 'new', sealed: new Uint8Array([4]) }],
      tookMs: 2,
    });
    expect(asked.map(asStep)).toEqual(['process elapsedMs', 'target identify', 'sealer seal', 'process elapsedMs']);
    expect(asked.map(({ authority }) => authority)).toEqual([null, scope.authority, scope.authority, null]);
    expect(asked[2]?.args).toEqual(['new', value]);
  });

  it('is told which try it is, beside what happened before', () => {
    through(runStep(make, scopeOf('make')));
    expect(told.at(-1)).toMatchObject({ attempt: 3, before: { look: 'known' }, moment: { nowMs: requestedMs } });
  });

  it('seals nothing where it hands on nothing', () => {
    expect(through(runStep(end, scopeOf('end'))).result).toMatchObject({ kind: 'ran', output: 'ended', sealed: [] });
  });

  it('is taken back with what it had handed on', () => {
    expect(through(undoStep(make, scopeOf('make'))).result).toEqual({ kind: 'undone', tookMs: 2 });
    expect(told.at(-1)).toMatchObject({ attempt: 3, output: 'made' });
  });

  it('looks with what it saw last, and judges', () => {
    expect(through(lookStep(look, scopeOf('look'))).result).toEqual({
      kind: 'judged',
      verdict: { kind: 'pass', output: 'known' },
      tookMs: 2,
    });
    expect(told.at(-1)).toMatchObject({ attempt: 3, previous: 'known' });
    expect(through(lookStep(look, scopeOf('look')), 'other').result).toMatchObject({
      verdict: { kind: 'wait', why: `unknown at ${requestedMs}` },
    });
  });

  it('raises the fence on behalf of its executor', () => {
    const scope = scopeOf('make');
    const { result, asked } = through(raiseFence(scope));
    expect(result).toEqual({ kind: 'raised' });
    expect(asked[1]).toEqual({ port: 'target', method: 'raise', args: [], authority: scope.authority });
  });
});

describe('an error of a step', () => {
  const refused = keyturnError('ADMIN_REFUSED', { target: 'billing', step: 'make' });

  it('of ours is its code and its facts', () => {
    expect(through(runStep(make, scopeOf('make')), new Thrown(refused)).result).toEqual({
      kind: 'failed',
      code: 'ADMIN_REFUSED',
      facts: refused.facts,
    });
  });

  it.each<[string, unknown, string]>([
    ['an error', new RangeError('with a value in it'), 'RangeError'],
    ['anything else', 'a value', 'string'],
  ])('that is %s is told by its name alone', (_, thrown, name) => {
    expect(through(raiseFence(scopeOf('make')), new Thrown(thrown)).result).toEqual({
      kind: 'failed',
      code: 'STEP_FAILED',
      facts: { step: 'make', name },
    });
  });

  it('may be caught by the step itself, which then goes on', () => {
    const usual = run;
    run = function* () {
      try {
        yield* ask('target', 'raise');
      } catch {
        const { system } = yield* ask('target', 'identify');
        return { output: `refused, at ${system}` };
      }
      return { output: 'raised' };
    };
    const give = answering();
    const { result } = answered(runStep(make, scopeOf('make')), (request) =>
      request.method === 'raise' ? new Thrown(refused) : give(request),
    );
    run = usual;
    expect(result).toMatchObject({ kind: 'ran', output: 'refused, at known' });
  });
});

describe('what a step cannot do fails without asking anything of the world', () => {
  it.each([
    ['a gate has nothing to run', () => runStep(look, scopeOf('look'))],
    ['a gate cannot be undone', () => undoStep(look, scopeOf('look'))],
    ['a final cannot be undone', () => undoStep(end, scopeOf('end'))],
    ['an act cannot look', () => lookStep(make, scopeOf('make'))],
  ])('%s', (_, work) => {
    const { result, asked } = through(work());
    expect(result).toMatchObject({ kind: 'failed', code: 'STEP_FAILED', facts: { name: 'TypeError' } });
    expect(asked.map(asStep)).toEqual(['process elapsedMs']);
  });
});
