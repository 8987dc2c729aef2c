import { describe, expect, it } from 'vitest';
import { type CanaryFacts, judgeCanary } from '../../src/core/canary.js';
import type { Moment } from '../../src/core/decide.js';
import { LATE_LOOK_MS } from '../../src/core/evidence.js';
import type { Plan, PlannedCheck } from '../../src/core/plan.js';
import type { Canaries } from '../../src/core/policy.js';
import type { CheckFact } from '../../src/core/soak-check.js';
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
    {
      atMs: lookedMs,
      answers: answers('accepted'),
      consumers: [aProof()],
      checks: [],
      wellSinceMs: null,
      wellMs: 0,
      beganMs: 0,
      ...facts,
    },
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

  it('looks again soon enough to meet the answer of a consumer that answers late', () => {
    const plan = { policy: { ...policy, pollMs: 300_000, soakMs: 100_000 } };
    const again = (consumers: CanaryFacts['consumers']) => judge({ consumers }, { plan });
    expect(again([aProof({ answer: 'pending', late: true })])).toMatchObject({ kind: 'wait', againInMs: LATE_LOOK_MS });
    expect(again([aProof({ late: true })])).toMatchObject({ why: 'soaking', againInMs: LATE_LOOK_MS });
    expect(again([aProof()])).toMatchObject({ why: 'soaking', againInMs: 100_000 });
  });

  it('waits where nobody answers our own login, and forgets that it was well', () => {
    expect(judge({ answers: answers('accepted', 'unknown'), wellSinceMs: 5 })).toMatchObject({
      kind: 'wait',
      why: 'no answer to our own login',
      facts: { wellSinceMs: null },
      againInMs: 1_000,
    });
  });

  it('tells of our own login before it tells of consumers, whom nobody waits for until then', () => {
    const blind = { answers: answers('unknown'), consumers: [aProof({ answer: 'pending', reason: 'not yet' })] };
    expect(judge(blind)).toMatchObject({ kind: 'wait', why: 'no answer to our own login' });
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
      facts: { maxMs: canaryMaxMs, finding: 'no proof from app' },
    });
  });

  it('does not count what it was well for against its time', () => {
    const spent = { beganMs: lookedMs - canaryMaxMs - 5_000, consumers: [] };
    const moment = { openedMs: 0 };
    expect(judge({ ...spent, wellMs: 5_000 }, { moment })).toMatchObject({ kind: 'fail', code: 'CANARY_TIMED_OUT' });
    expect(judge({ ...spent, wellMs: 5_001 }, { moment })).toMatchObject({ kind: 'wait' });
    expect(judge({ ...spent, wellSinceMs: lookedMs - 5_001 }, { moment })).toMatchObject({
      kind: 'wait',
      facts: { wellSinceMs: null, wellMs: 5_001 },
    });
    expect(judge({ ...spent, wellMs: 3_000, wellSinceMs: lookedMs - 2_001 }, { moment })).toMatchObject({
      kind: 'wait',
      facts: { wellMs: 5_001 },
    });
  });

  it('does not add what it was well for before a person let it go on', () => {
    const moment = { openedMs: lookedMs - canaryMaxMs };
    const before = { beganMs: lookedMs - 2 * canaryMaxMs, consumers: [] };
    expect(judge({ ...before, wellMs: canaryMaxMs }, { moment })).toMatchObject({ code: 'CANARY_TIMED_OUT' });
    expect(judge({ ...before, wellSinceMs: lookedMs - canaryMaxMs - 1_000 }, { moment })).toMatchObject({
      kind: 'wait',
      facts: { beganMs: lookedMs - canaryMaxMs, wellMs: canaryMaxMs },
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

describe('a canary of which not all must prove', () => {
  const consumers = ['a', 'b', 'c'].map((name) => aConsumer({ name }));
  const proofs = (...names: readonly string[]) => names.map((consumer) => aProof({ consumer }));
  const among = (canaries: Canaries, facts: Partial<CanaryFacts>) =>
    judge(facts, { plan: { consumers, policy: { ...policy, canaries } } });

  it.each([
    ['a count', { count: 2 }, 2],
    ['half', { percent: 50 }, 2],
    ['a third and a little', { percent: 34 }, 2],
    ['a third', { percent: 33 }, 1],
    ['one percent', { percent: 1 }, 1],
    ['all', 'all', 3],
    ['a hundred percent', { percent: 100 }, 3],
  ] as const)('passes by %s, and not by one fewer', (_, canaries, needed) => {
    const names = ['c', 'a', 'b'];
    expect(among(canaries, { consumers: proofs(...names.slice(0, needed)) })).toMatchObject({ kind: 'pass' });
    expect(among(canaries, { consumers: proofs(...names.slice(0, needed - 1)) })).toMatchObject({ kind: 'wait' });
  });

  it('says how many have proved, and whom it has not heard', () => {
    expect(among({ count: 2 }, { consumers: proofs('b') })).toMatchObject({
      why: '1 of 2 canary consumers have proved; no proof from a',
    });
  });

  it('turns back where one refuses, however many have proved', () => {
    const facts = [...proofs('a', 'b'), aProof({ consumer: 'c', answer: 'refused', reason: 'no' })];
    expect(among({ count: 1 }, { consumers: facts })).toMatchObject({ code: 'CANARY_REFUSED' });
  });

  it('counts a consumer once all its instances have proved', () => {
    const halves = [
      aProof({ consumer: 'a', instance: '1' }),
      aProof({ consumer: 'a', instance: '2', answer: 'pending' }),
    ];
    expect(among({ count: 1 }, { consumers: halves })).toMatchObject({ kind: 'wait' });
  });
});

describe('a canary with checks', () => {
  const checks: readonly PlannedCheck[] = [
    { name: 'page', failAfter: 2, kind: 'http', url: 'https://a.example', expectStatus: 200 },
    { name: 'errors', failAfter: 1, kind: 'http', url: 'https://b.example', expectStatus: 200 },
  ];
  const fact = (check: string, change: Partial<CheckFact> = {}): CheckFact => ({
    ...{ check, answer: 'good', finding: 'status 200', atMs: lookedMs, badLooks: 0 },
    ...change,
  });
  const checked = (facts: readonly CheckFact[], further: Partial<CanaryFacts> = {}, soakMs = 0) =>
    judge({ checks: facts, ...further }, { plan: { checks, policy: { ...policy, soakMs } }, moment: { openedMs: 0 } });

  it('passes where all are good at its end, and hands on what they said', () => {
    const facts = [fact('page'), fact('errors')];
    expect(checked(facts)).toEqual({ kind: 'pass', output: { verifiedMs: lookedMs, checks: facts } });
  });

  it.each([
    ['was not asked', [], 'check page was not asked'],
    ['was good at an earlier look only', [fact('page', { atMs: lookedMs - 1 })], 'check page was not asked'],
    ['is unknown', [fact('page', { answer: 'unknown', finding: 'ECONNREFUSED' })], 'check page: ECONNREFUSED'],
    [
      'is bad for the first time',
      [fact('page', { answer: 'bad', finding: 'status 503, not 200', badLooks: 1 })],
      'check page: status 503, not 200, bad in 1 of 2 looks',
    ],
  ])('does not soak on while one %s', (_, facts, why) => {
    const lately = { wellSinceMs: lookedMs - 60_000, beganMs: lookedMs - 60_000 };
    expect(checked([...facts, fact('errors')], lately)).toMatchObject({
      kind: 'wait',
      why,
      facts: { wellSinceMs: null },
    });
  });

  it('turns back where one was bad as often as it takes', () => {
    const bad = { answer: 'bad', finding: 'status 503, not 200', badLooks: 2 } as const;
    expect(checked([fact('page', bad), fact('errors')])).toEqual({
      kind: 'fail',
      code: 'CANARY_CHECK_FAILED',
      facts: { check: 'page', looks: 2, finding: 'status 503, not 200' },
    });
  });

  it('turns back for a check where a consumer proves nothing any more', () => {
    const bad = fact('errors', { answer: 'bad', badLooks: 1 });
    expect(checked([fact('page'), bad], { consumers: [] })).toMatchObject({ code: 'CANARY_CHECK_FAILED' });
  });

  it('names the check that nobody could ask when its time is over', () => {
    const facts = [fact('page', { answer: 'unknown', finding: 'its query gave no sample' }), fact('errors')];
    expect(checked(facts, { beganMs: lookedMs - canaryMaxMs })).toMatchObject({
      code: 'CANARY_TIMED_OUT',
      facts: { finding: 'check page: its query gave no sample' },
    });
  });

  describe('whose policy parks for what nobody can tell', () => {
    const away = fact('page', { answer: 'unknown', finding: 'ECONNREFUSED' });
    const spent = { beganMs: lookedMs - canaryMaxMs };
    const parking = (facts: Partial<CanaryFacts>) =>
      judge(facts, {
        plan: { checks, policy: { ...policy, unknownChecks: 'park' } },
        moment: { openedMs: 0 },
      });

    it('parks when its time is over, and not a millisecond before', () => {
      const facts = [away, fact('errors')];
      expect(parking({ beganMs: spent.beganMs + 1, checks: facts })).toMatchObject({ kind: 'wait' });
      expect(parking({ ...spent, checks: facts })).toEqual({
        kind: 'park',
        code: 'CANARY_UNDECIDED',
        facts: { maxMs: canaryMaxMs, finding: 'check page: ECONNREFUSED' },
      });
    });

    it.each<readonly [string, Partial<CanaryFacts>]>([
      ['nobody answers our own login', { checks: [away, fact('errors')], answers: answers('unknown') }],
      ['a consumer has not proved', { checks: [away, fact('errors')], consumers: [] }],
      ['a check is bad', { checks: [away, fact('page', { answer: 'bad', badLooks: 1 })] }],
    ])('turns back where %s', (_, facts) => {
      expect(parking({ ...spent, ...facts })).toMatchObject({ kind: 'fail', code: 'CANARY_TIMED_OUT' });
    });
  });
});
