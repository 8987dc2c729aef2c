import { describe, expect, it } from 'vitest';
import { type CanaryFacts, judgeCanary } from '../../src/core/canary.js';
import type { Moment } from '../../src/core/decide.js';
import type { Plan } from '../../src/core/plan.js';
import { aConsumer, aMoment, aProof, answers, lookedMs } from '../support/evidence.js';
import { aPlan, promptPolicy } from '../support/plans.js';

const canaryMaxMs = 30_000;
const policy = { ...promptPolicy, canaryMaxMs, pollMs: 1_000 };

function judge(
  facts: Partial<CanaryFacts> = {},
  { plan, moment }: { plan?: Partial<Plan>; moment?: Partial<Moment> } = {},
) {
  return judgeCanary(
    {
      plan: aPlan({ policy, consumers: [aConsumer(), aConsumer({ name: 'batch', canary: false })], ...plan }),
      moment: aMoment(moment),
    },
    { atMs: lookedMs, answers: answers('accepted'), consumers: [aProof()], wellSinceMs: null, beganMs: 0, ...facts },
  );
}

describe('canary', () => {
  it('passes once our own login and every canary consumer are well', () => {
    expect(judge()).toEqual({ kind: 'pass', output: { verifiedMs: lookedMs } });
  });

  it('passes without canary consumers on our own login alone', () => {
    expect(judge({ consumers: [] }, { plan: { consumers: [] } })).toMatchObject({ kind: 'pass' });
  });

  it.each(['refused', 'absent'] as const)('turns back where one endpoint answers %s', (answer) => {
    expect(judge({ answers: answers('accepted', answer) })).toEqual({
      kind: 'fail',
      code: 'VERIFY_REFUSED',
      facts: { endpoint: 'two' },
    });
  });

  it('turns back where a consumer refuses the pending version', () => {
    expect(judge({ consumers: [aProof({ answer: 'refused', reason: 'it does not work' })] })).toEqual({
      kind: 'fail',
      code: 'CANARY_REFUSED',
      facts: { consumer: 'app', finding: 'it does not work' },
    });
  });

  it('waits where nobody answers our own login, and forgets that it was well', () => {
    expect(judge({ answers: answers('accepted', 'unknown'), wellSinceMs: 5 })).toMatchObject({
      kind: 'wait',
      why: 'no answer to our own login',
      facts: { wellSinceMs: null },
      againInMs: 1_000,
    });
  });

  it('waits where no endpoint was asked', () => {
    expect(judge({ answers: [] })).toMatchObject({ kind: 'wait', why: 'no answer to our own login' });
  });

  it.each(['pending', 'unreachable'] as const)('waits where a canary consumer answers %s', (answer) => {
    const consumers = [aProof({ answer, reason: 'not yet' })];
    expect(judge({ consumers })).toMatchObject({ kind: 'wait', why: 'no proof from app (not yet)' });
  });

  it('waits for every instance of a canary consumer', () => {
    const consumers = [aProof({ instance: 'a' }), aProof({ instance: 'b', answer: 'pending' })];
    expect(judge({ consumers })).toMatchObject({ kind: 'wait', why: 'no proof from app' });
  });

  it('does not wait for a consumer that is no canary', () => {
    expect(judge({ consumers: [aProof(), aProof({ consumer: 'batch', answer: 'pending' })] })).toMatchObject({
      kind: 'pass',
    });
  });

  it('turns back after its time, and not a millisecond before', () => {
    const facts = { consumers: [] };
    expect(judge(facts, { moment: { openedMs: lookedMs - canaryMaxMs + 1 } })).toMatchObject({ kind: 'wait' });
    expect(judge(facts, { moment: { openedMs: lookedMs - canaryMaxMs } })).toEqual({
      kind: 'fail',
      code: 'CANARY_TIMED_OUT',
      facts: { maxMs: canaryMaxMs },
    });
  });

  it('has its time again where it was opened again', () => {
    const moment = { openedMs: 0 };
    const facts = { consumers: [], beganMs: lookedMs - canaryMaxMs };
    expect(judge({ ...facts, beganMs: facts.beganMs + 1 }, { moment })).toMatchObject({ kind: 'wait' });
    expect(judge(facts, { moment })).toMatchObject({ kind: 'fail', code: 'CANARY_TIMED_OUT' });
  });

  it('soaks from when all of it was first well', () => {
    const plan = { policy: { ...policy, soakMs: 5_000 } };
    expect(judge({}, { plan })).toMatchObject({
      kind: 'wait',
      why: 'soaking',
      facts: { wellSinceMs: lookedMs },
      againInMs: 1_000,
    });
    expect(judge({ wellSinceMs: lookedMs - 4_999 }, { plan })).toMatchObject({
      kind: 'wait',
      why: 'soaking',
      againInMs: 1,
    });
    expect(judge({ wellSinceMs: lookedMs - 5_000 }, { plan })).toMatchObject({ kind: 'pass' });
  });

  it('soaks on where that takes longer than the canary may take to become well', () => {
    const plan = { policy: { ...policy, soakMs: canaryMaxMs * 2 } };
    expect(judge({ wellSinceMs: lookedMs }, { plan, moment: { openedMs: 0 } })).toMatchObject({
      kind: 'wait',
      why: 'soaking',
    });
  });
});
