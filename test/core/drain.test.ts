import { describe, expect, it } from 'vitest';
import type { Moment } from '../../src/core/decide.js';
import { type DrainFacts, judgeDrain } from '../../src/core/drain.js';
import { PROOF_MAX_AGE_MS } from '../../src/core/consumer-facts.js';
import { COUNTED_LOOK_MS, LATE_LOOK_MS } from '../../src/core/evidence.js';
import type { Plan } from '../../src/core/plan.js';
import { aConsumer, aMoment, aProof, answers, drainFacts, expected, lookedMs } from '../support/evidence.js';
import { aPlan, ableCapabilities, promptPolicy } from '../support/plans.js';

const drainMaxMs = 60_000;
const policy = { ...promptPolicy, drainMaxMs, pollMs: 1_000 };

function judge(
  facts: Partial<DrainFacts> = {},
  { plan, moment, promotedMs = lookedMs }: { plan?: Partial<Plan>; moment?: Partial<Moment>; promotedMs?: number } = {},
) {
  return judgeDrain(
    { plan: aPlan({ policy, consumers: [aConsumer()], ...plan }), moment: aMoment(moment) },
    { expected, promotedMs },
    drainFacts(facts),
  );
}

const waits = (why: RegExp, againInMs: unknown = expect.any(Number)): unknown =>
  expect.objectContaining({ kind: 'wait', why: expect.stringMatching(why), againInMs });

/** Longer open than draining may take. */
const late = { openedMs: lookedMs - drainMaxMs };

describe('drain', () => {
  it('passes on evidence and hands it on', () => {
    expect(judge()).toEqual({ kind: 'pass', output: drainFacts() });
  });

  it('passes on evidence even where it has taken too long', () => {
    expect(judge({}, { moment: late })).toMatchObject({ kind: 'pass' });
  });

  it('shows quiet anew after a resume: what the look saw that parked was not kept', () => {
    const plan = { policy: { ...policy, quietMs: 10_000 } };
    const proved = { consumers: [aProof({ sinceMs: lookedMs - 60_000 })] };
    const at = (openedMs: number) => judge(proved, { plan, moment: { openedMs }, promotedMs: lookedMs - 60_000 });
    expect(at(lookedMs - 9_000)).toEqual(waits(/not quiet/, 1_000));
    expect(at(lookedMs - 10_000)).toMatchObject({ kind: 'pass' });
  });

  it.each([
    ['ALIAS_MOVED', { current: null }],
    ['TARGET_CHANGED', { system: 'system-2' }],
    ['NEW_REFUSED', { answers: answers('refused') }],
  ] as const)('parks with %s', (code, facts) => {
    expect(judge(facts)).toMatchObject({ kind: 'park', code });
  });

  it('turns back where a consumer refuses, required or not', () => {
    const against = aProof({ consumer: 'report', answer: 'refused', reason: 'it does not work' });
    expect(judge({ consumers: [aProof(), against] })).toEqual({
      kind: 'fail',
      code: 'CONSUMER_REFUSED',
      facts: { consumer: 'report', finding: 'it does not work' },
    });
  });

  it('waits where nobody answers our own login', () => {
    expect(judge({ answers: answers('accepted', 'unknown') })).toEqual(waits(/our own login/, 1_000));
  });

  it('waits for a required consumer', () => {
    expect(judge({ consumers: [] })).toEqual(waits(/no proof from app/));
    expect(judge({ consumers: [aProof({ answer: 'pending', reason: 'not yet' })] })).toEqual(
      waits(/no proof from app \(not yet\)/),
    );
  });

  it('waits for a younger proof', () => {
    expect(judge({ consumers: [aProof({ atMs: lookedMs - PROOF_MAX_AGE_MS - 1 })] })).toEqual(
      waits(/no proof from app/),
    );
  });

  it('looks again soon enough to meet the answer of a consumer that answers late, whatever it waits for', () => {
    const plan = { policy: { ...policy, pollMs: 300_000, graceMs: 100_000 } };
    const pending = [aProof({ answer: 'pending', late: true })];
    expect(judge({ consumers: pending }, { plan })).toEqual(waits(/no proof from app/, LATE_LOOK_MS));
    expect(judge({ consumers: [aProof({ late: true })] }, { plan })).toEqual(waits(/grace/, LATE_LOOK_MS));
    expect(judge({ consumers: [aProof(), aProof({ consumer: 'other', late: true })] }, { plan })).toEqual(
      waits(/grace/, LATE_LOOK_MS),
    );
    expect(judge({ consumers: [aProof()] }, { plan })).toEqual(waits(/grace/, 100_000));
    expect(judge({ consumers: pending })).toEqual(waits(/no proof from app/, policy.pollMs));
  });

  it('does not wait for a waived consumer', () => {
    expect(judge({ consumers: [] }, { moment: { waived: ['app'] } })).toMatchObject({ kind: 'pass' });
  });

  it('waits for grace, no longer than it takes', () => {
    const plan = { policy: { ...policy, graceMs: 5_000 } };
    expect(judge({}, { plan, promotedMs: lookedMs - 4_600 })).toEqual(waits(/grace/, 400));
    expect(judge({}, { plan, promotedMs: lookedMs - 1_000 })).toEqual(waits(/grace/, 1_000));
    expect(judge({}, { plan, promotedMs: lookedMs - 5_000 })).toMatchObject({ kind: 'pass' });
  });

  it('waits for quiet', () => {
    const plan = { policy: { ...policy, quietMs: 5_000 } };
    expect(judge({ lastOpenedMs: lookedMs }, { plan })).toEqual(waits(/not quiet/));
  });

  it('asks for neither grace nor quiet where only one can live', () => {
    const plan = {
      policy: { ...policy, graceMs: 5_000, quietMs: 5_000 },
      capabilities: { ...ableCapabilities, overlap: 'one-live' as const },
    };
    expect(judge({ lastOpenedMs: lookedMs }, { plan })).toMatchObject({ kind: 'pass' });
  });

  it('parks once it has taken too long, and says what is missing', () => {
    const facts = { consumers: [] };
    expect(judge(facts, { moment: { openedMs: lookedMs - drainMaxMs + 1 } })).toEqual(waits(/no proof from app/));
    expect(judge(facts, { moment: late })).toEqual({
      kind: 'park',
      code: 'DRAIN_TIMED_OUT',
      facts: { maxMs: drainMaxMs, finding: 'no proof from app', consumer: 'app' },
    });
  });

  it('parks where the policy says so of a refusal', () => {
    const against = aProof({ answer: 'refused', reason: 'it does not work' });
    const plan = { policy: { ...policy, onRefusal: 'park' as const } };
    expect(judge({ consumers: [against] }, { plan })).toEqual({
      kind: 'park',
      code: 'OLD_STILL_NEEDED',
      facts: { consumer: 'app', instance: null, finding: 'it does not work', standing: 'still works' },
    });
  });

  it('looks again within ten seconds where instances are counted, as long as their proofs are to be counted together', () => {
    const plan = (pollMs: number) => ({ policy: { ...policy, pollMs }, consumers: [aConsumer({ instances: 2 })] });
    const one = { consumers: [aProof({ instance: 'a' })] };
    expect(judge(one, { plan: plan(60_000), moment: { openedMs: lookedMs } })).toEqual(
      waits(/1 of 2/, COUNTED_LOOK_MS),
    );
    expect(judge(one, { plan: plan(4_000), moment: { openedMs: lookedMs } })).toEqual(waits(/1 of 2/, 4_000));
    const optional = { ...plan(60_000), consumers: [aConsumer({ required: false, instances: 2 })] };
    expect(
      judge({ consumers: [] }, { plan: { ...optional, policy: { ...policy, graceMs: 90_000, pollMs: 60_000 } } }),
    ).toEqual(waits(/grace/, 60_000));
  });

  it('asks a person with an exposed one on again where the label was moved', () => {
    expect(judge({ current: null }, { plan: { exposed: true } })).toEqual({
      kind: 'park',
      code: 'ALIAS_MOVED',
      facts: {},
      takingBack: 'disable',
    });
    expect(judge({ current: null })).toEqual({ kind: 'park', code: 'ALIAS_MOVED', facts: {} });
  });

  it('waits on where its time is extended, and says so', () => {
    const plan = { policy: { ...policy, onDrainMax: 'extend' as const } };
    expect(judge({ consumers: [] }, { moment: late, plan })).toEqual(waits(/no proof from app; it has had/));
    expect(judge({ consumers: [] }, { moment: { openedMs: lookedMs }, plan })).toEqual(waits(/no proof from app$/));
  });

  it('waits while it is held, however long that takes and whatever the evidence', () => {
    expect(judge({}, { moment: { held: true } })).toEqual(waits(/held/));
    expect(judge({ consumers: [] }, { moment: { ...late, held: true } })).toEqual(waits(/held/));
  });

  it('keeps what it saw for the next look', () => {
    const facts = drainFacts({ consumers: [], lastOpenedMs: 5 });
    expect(judge(facts)).toMatchObject({ kind: 'wait', facts });
  });

  it('never waits for no time at all', () => {
    const plan = { policy: { ...policy, pollMs: 0 } };
    expect(judge({ consumers: [] }, { plan })).toEqual(waits(/no proof/, 1));
  });
});
