import { describe, expect, it } from 'vitest';
import type { Moment } from '../../src/core/decide.js';
import type { QuietFacts } from '../../src/core/evidence.js';
import type { Plan } from '../../src/core/plan.js';
import { type RefusedFacts, type WatchFacts, fromConsumers, judgeWatch } from '../../src/core/watch.js';
import { aConsumer, aMoment, aProof, answers, expected, lookedMs, watchFacts } from '../support/evidence.js';
import { aPlan, ableCapabilities, promptPolicy } from '../support/plans.js';

const watchMs = 5_000;
const drainMaxMs = 60_000;

function judge(
  facts: Partial<WatchFacts> = {},
  moment: Partial<Moment> = {},
  disabledMs = lookedMs - watchMs,
  pollMs = 1_000,
) {
  const plan = aPlan({ policy: { ...promptPolicy, watchMs, drainMaxMs, pollMs } });
  return judgeWatch({ plan, moment: aMoment(moment) }, { expected, disabledMs }, watchFacts(facts));
}

const late = { openedMs: lookedMs - drainMaxMs - watchMs };

describe('watch', () => {
  it('passes once the window is over, and not a millisecond before', () => {
    expect(judge()).toEqual({ kind: 'pass', output: watchFacts() });
    expect(judge({}, {}, lookedMs - watchMs + 1)).toMatchObject({ kind: 'wait', why: 'watching', againInMs: 1 });
  });

  it('looks again no later than the policy polls, and within five seconds where consumers are asked', () => {
    expect(judge({}, {}, lookedMs)).toMatchObject({ kind: 'wait', againInMs: 1_000 });
    const held = (facts: Partial<WatchFacts>) => judge(facts, { held: true }, lookedMs, 60_000);
    expect(held({ consumers: [aProof()] })).toMatchObject({ kind: 'wait', againInMs: 5_000 });
    expect(held({})).toMatchObject({ kind: 'wait', againInMs: 60_000 });
  });

  it.each([
    ['ALIAS_MOVED', { current: null }],
    ['NEW_REFUSED', { answers: answers('accepted', 'refused') }],
  ] as const)('turns back with %s, so that the old one is switched on first', (code, facts) => {
    expect(judge(facts)).toMatchObject({ kind: 'fail', code });
  });

  it('parks where the target is another system: what is switched on there would be another credential', () => {
    expect(judge({ system: 'system-2' })).toMatchObject({ kind: 'park', code: 'TARGET_CHANGED' });
  });

  it('parks where the old credential is accepted again', () => {
    expect(judge({ oldAnswers: answers('refused', 'accepted') })).toEqual({
      kind: 'park',
      code: 'OLD_ALIVE_AGAIN',
      facts: { endpoint: 'two' },
    });
  });

  it('waits where it is not known whether the old one is refused', () => {
    expect(judge({ oldAnswers: answers('refused', 'unknown') })).toMatchObject({
      kind: 'wait',
      why: expect.stringMatching(/old credential/),
    });
    expect(judge({ oldAnswers: [] })).toMatchObject({ kind: 'wait', why: expect.stringMatching(/old credential/) });
  });

  it('waits where nobody answers our own login', () => {
    expect(judge({ answers: answers('unknown') })).toMatchObject({ kind: 'wait', why: 'no answer to our own login' });
  });

  it('has the old one switched on and a person asked where any consumer refuses, held or not, whatever else is not known', () => {
    const refused = aProof({ consumer: 'report', answer: 'refused', reason: 'it does not work' });
    const facts = { consumers: [aProof(), refused], answers: answers('unknown') };
    const wanted = {
      kind: 'park',
      code: 'OLD_STILL_NEEDED',
      facts: { consumer: 'report', instance: null, finding: 'it does not work', standing: 'was switched on again' },
      takingBack: 'disable',
    };
    expect(judge(facts)).toEqual(wanted);
    expect(judge(facts, { held: true })).toEqual(wanted);
  });

  describe('where refused logins are told of', () => {
    const consumers = [aConsumer({ sources: ['10.1.0.0/16'] }), aConsumer({ name: 'batch' })];
    const refused = (addresses: readonly string[], change: Partial<RefusedFacts> = {}): RefusedFacts => ({
      mark: 'm',
      markedMs: lookedMs,
      unknown: null,
      triedMs: lookedMs,
      from: fromConsumers(aPlan({ consumers }), addresses),
      ...change,
    });
    const judged = (facts: RefusedFacts, plan: Partial<Plan> = {}) =>
      judgeWatch(
        {
          plan: aPlan({ policy: { ...promptPolicy, watchMs, drainMaxMs, pollMs: 60_000 }, consumers, ...plan }),
          moment: aMoment(),
        },
        { expected, disabledMs: lookedMs - watchMs },
        watchFacts({ refused: facts }),
      );
    const needed = {
      kind: 'park',
      code: 'OLD_STILL_NEEDED',
      facts: {
        consumer: 'app',
        finding: 'a login with it was refused from 10.1.2.3',
        standing: 'was switched on again',
      },
      takingBack: 'disable',
    };

    it('switches it on again for who tried it from where a consumer logs in, and for nobody else', () => {
      expect(judged(refused(['192.0.2.66', '10.1.2.3']))).toEqual(needed);
      expect(judged(refused(['192.0.2.66', '10.2.0.1']))).toMatchObject({ kind: 'pass' });
    });

    it('takes what is tried of an exposed one for nothing, whoever it seems to be', () => {
      expect(judged(refused(['10.1.2.3']), { exposed: true })).toMatchObject({ kind: 'pass' });
    });

    it('waits while the target does not tell, unless strangers have it', () => {
      const untold = refused([], { unknown: 'the log did not answer' });
      expect(judged(untold)).toMatchObject({
        kind: 'wait',
        why: 'who was refused is not known: the log did not answer',
      });
      expect(judged(untold, { exposed: true })).toMatchObject({ kind: 'pass' });
    });

    it('passes by a try of our own at the last look, and looks every five seconds until then', () => {
      const older = refused([], { triedMs: lookedMs - 1 });
      expect(judged(older)).toMatchObject({ kind: 'wait', why: 'a try of the old credential', againInMs: 1 });
      const early = judgeWatch(
        {
          plan: aPlan({ policy: { ...promptPolicy, watchMs, drainMaxMs, pollMs: 60_000 }, consumers }),
          moment: aMoment(),
        },
        { expected, disabledMs: lookedMs },
        watchFacts({ refused: refused([]) }),
      );
      expect(early).toMatchObject({ kind: 'wait', why: 'watching', againInMs: 5_000 });
    });
  });

  it('keeps an exposed one off where a consumer refuses, and asks', () => {
    const against = aProof({ answer: 'refused', reason: 'it does not work' });
    const plan = aPlan({ policy: { ...promptPolicy, watchMs, drainMaxMs }, exposed: true });
    const facts = watchFacts({ consumers: [against] });
    expect(judgeWatch({ plan, moment: aMoment() }, { expected, disabledMs: lookedMs }, facts)).toEqual({
      kind: 'park',
      code: 'OLD_STILL_NEEDED',
      facts: {
        consumer: 'app',
        instance: null,
        finding: 'it does not work',
        standing: 'stays off, because it is exposed',
      },
    });
  });

  it('says that an old one that cannot be switched off still works', () => {
    const against = aProof({ answer: 'refused', reason: 'it does not work' });
    const plan = aPlan({
      policy: { ...promptPolicy, watchMs, drainMaxMs },
      capabilities: { ...ableCapabilities, disable: false },
    });
    const facts = watchFacts({ consumers: [against] });
    const verdict = judgeWatch({ plan, moment: aMoment() }, { expected, disabledMs: lookedMs }, facts);
    expect(verdict).toMatchObject({ kind: 'park', facts: { standing: 'still works' } });
    expect(verdict).not.toHaveProperty('takingBack');
  });

  it('does not wait for who does not answer: it has proved before the old one was switched off', () => {
    const silent = aProof({ answer: 'unreachable', reason: 'no answer' });
    expect(judge({ consumers: [silent] })).toMatchObject({ kind: 'pass' });
  });

  it('waits while it is held', () => {
    expect(judge({}, { held: true })).toMatchObject({ kind: 'wait', why: 'held' });
  });

  it('passes without an old credential to look at', () => {
    expect(judge({ oldAnswers: null })).toMatchObject({ kind: 'pass' });
  });

  it('parks once it has been blind for too long, and says for what', () => {
    expect(judge({ answers: answers('unknown') }, { openedMs: late.openedMs + 1 })).toMatchObject({ kind: 'wait' });
    expect(judge({ answers: answers('unknown') }, late)).toEqual({
      kind: 'park',
      code: 'DRAIN_TIMED_OUT',
      facts: { maxMs: drainMaxMs, finding: 'no answer to our own login', consumer: 'CONSUMER' },
      takingBack: 'disable',
    });
  });

  it('does not time out while it is held', () => {
    expect(judge({ answers: answers('unknown') }, { ...late, held: true })).toMatchObject({ kind: 'wait' });
  });
});

describe('watch over what could not be disabled', () => {
  const quietMs = 3_000;
  const plan = aPlan({
    policy: { ...promptPolicy, watchMs, drainMaxMs, quietMs, maxSessionAgeMs: 60_000, pollMs: 1_000 },
    consumers: [aConsumer(), aConsumer({ name: 'report', required: false })],
  });
  const disabledMs = lookedMs - watchMs;
  const idle: QuietFacts = {
    atMs: lookedMs,
    consumers: [aProof({ sinceMs: disabledMs })],
    usage: { kind: 'known', sessions: 0, youngestAgeMs: null, oldestAgeMs: null },
    lastOpenedMs: null,
  };

  function judgeAgain(again: Partial<QuietFacts>, moment: Partial<Moment> = {}) {
    const facts = watchFacts({ oldAnswers: null, again: { ...idle, ...again } });
    return judgeWatch({ plan, moment: aMoment({ openedMs: disabledMs, ...moment }) }, { expected, disabledMs }, facts);
  }

  it('passes where it was quiet, and everybody has proved anew', () => {
    expect(judgeAgain({})).toMatchObject({ kind: 'pass' });
  });

  it('waits for a young proof of every required consumer, or a waiver', () => {
    const old = [aProof({ sinceMs: disabledMs, atMs: lookedMs - 60_000 })];
    expect(judgeAgain({ consumers: old })).toMatchObject({ kind: 'pass' });
    const older = [aProof({ sinceMs: disabledMs, atMs: lookedMs - 60_001 })];
    expect(judgeAgain({ consumers: older })).toMatchObject({
      kind: 'wait',
      why: 'no proof from app',
      againInMs: 1_000,
    });
    const silent = [aProof({ answer: 'unreachable', reason: 'no answer' })];
    expect(judgeAgain({ consumers: silent })).toMatchObject({ why: 'no proof from app (no answer)' });
    expect(judgeAgain({ consumers: older }, { waived: ['app'] })).toMatchObject({ kind: 'pass' });
  });

  it('waits until no session with the old credential was opened for as long as quiet takes', () => {
    expect(judgeAgain({ lastOpenedMs: lookedMs - quietMs })).toMatchObject({ kind: 'pass' });
    expect(judgeAgain({ lastOpenedMs: lookedMs - quietMs + 1 })).toMatchObject({
      kind: 'wait',
      why: expect.stringMatching(/not quiet/),
      againInMs: 1,
    });
  });

  it('shows quiet anew after a resume: what the look saw that parked was not kept', () => {
    expect(judgeAgain({}, { openedMs: lookedMs - quietMs })).toMatchObject({ kind: 'pass' });
    expect(judgeAgain({}, { openedMs: lookedMs - quietMs + 1 })).toMatchObject({
      kind: 'wait',
      why: expect.stringMatching(/not quiet/),
      againInMs: 1,
    });
  });
});
