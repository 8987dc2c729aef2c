import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConsumerFact } from '../../src/core/canary.js';
import type { Moment } from '../../src/core/decide.js';
import type { DrainFacts } from '../../src/core/drain.js';
import { PROOF_MAX_AGE_MS } from '../../src/core/consumer-facts.js';
import { ALIAS_MAX_AGE_MS, type QuietFacts, VERIFIED_MAX_AGE_MS } from '../../src/core/evidence.js';
import type { EndpointAnswer } from '../../src/core/observation.js';
import type { Plan } from '../../src/core/plan.js';
import { guardDestroy, guardDisable } from '../../src/core/revoke-guard.js';
import type { WatchFacts } from '../../src/core/watch.js';
import {
  aConsumer,
  aMoment,
  aProof,
  answers,
  drainFacts,
  expected,
  lookedMs,
  watchFacts,
} from '../support/evidence.js';
import { aPlan, ableCapabilities, promptPolicy } from '../support/plans.js';

const graceMs = 30_000;
const quietMs = 20_000;
const watchMs = 40_000;
const policy = { ...promptPolicy, graceMs, quietMs, watchMs, maxSessionAgeMs: 300_000 };
const consumers = [aConsumer(), aConsumer({ name: 'report', required: false })];

/** Long enough ago for everything that is counted from promote or disable. */
const longAgoMs = lookedMs - 600_000;

/** Everything a revocation asks for, with what a test has wrong. */
interface Wrong {
  readonly plan?: Partial<Plan>;
  readonly moment?: Partial<Moment>;
  readonly facts?: Partial<DrainFacts & WatchFacts>;
}

function disable({ plan, moment, facts, promotedMs = longAgoMs }: Wrong & { readonly promotedMs?: number } = {}) {
  const proofs = [aProof({ sinceMs: longAgoMs })];
  return guardDisable({
    plan: aPlan({ policy, consumers, ...plan }),
    moment: aMoment(moment),
    expected,
    facts: drainFacts({ consumers: proofs, ...facts }),
    promotedMs,
  });
}

function destroy(
  at: Wrong & {
    readonly disabledMs?: number | null;
    readonly oldAnswers?: readonly EndpointAnswer[] | null;
    readonly consumers?: readonly ConsumerFact[];
    readonly again?: QuietFacts;
  } = {},
) {
  return guardDestroy({
    plan: aPlan({ policy, consumers, ...at.plan }),
    moment: aMoment(at.moment),
    expected,
    facts: watchFacts(at.facts),
    consumers: at.consumers ?? [aProof({ atMs: longAgoMs })],
    disabledMs: at.disabledMs === undefined ? longAgoMs : at.disabledMs,
    oldAnswers: at.oldAnswers === undefined ? answers('refused') : at.oldAnswers,
    again: at.again ?? null,
  });
}

const passes = expect.objectContaining({ kind: 'pass' });
const stale = (why: RegExp) => ({ kind: 'stale', why: expect.stringMatching(why) });

const both = [
  ['disable', disable],
  ['destroy', destroy],
] as const;

describe.each(both)('%s', (_, guard) => {
  it('is allowed where every fact is right', () => {
    expect(guard()).toEqual(passes);
  });

  it('is held back where the label names another version', () => {
    expect(guard({ facts: { current: { version: 1, digest: expected.digest } } })).toEqual(stale(/label/));
  });

  it('is held back where the label names the same number with other content', () => {
    expect(guard({ facts: { current: { version: 2, digest: 'another' } } })).toEqual(stale(/label/));
  });

  it('is held back where there is no label', () => {
    expect(guard({ facts: { current: null } })).toEqual(stale(/label/));
  });

  it('is allowed at the last millisecond of the age of the label, and not after', () => {
    expect(guard({ moment: { nowMs: lookedMs + ALIAS_MAX_AGE_MS } })).toEqual(passes);
    expect(guard({ moment: { nowMs: lookedMs + ALIAS_MAX_AGE_MS + 1 } })).toEqual(stale(/too long ago/));
  });

  it.each(['refused', 'absent', 'unknown'] as const)(
    'is held back where one endpoint answers %s to the new one',
    (answer) => {
      expect(guard({ facts: { answers: answers('accepted', answer) } })).toEqual(stale(/not accepted everywhere/));
    },
  );

  it('is held back where no endpoint was asked', () => {
    expect(guard({ facts: { answers: [] } })).toEqual(stale(/not accepted everywhere/));
  });

  it('is held back by a hold', () => {
    expect(guard({ moment: { held: true } })).toEqual(stale(/held/));
  });

  it('is held back where the target is another system', () => {
    expect(guard({ facts: { system: 'system-2' } })).toEqual(stale(/another system/));
  });

  it('is held back where hold, waivers or consumers have changed since the look', () => {
    expect(guard({ moment: { guardSeq: 8 } })).toEqual(stale(/changed/));
  });

  it('is not held back by a consumer that is not required', () => {
    expect(guard({ plan: { consumers: [aConsumer(), aConsumer({ name: 'report', required: false })] } })).toEqual(
      passes,
    );
  });

  it('is held back where a required consumer has said nothing', () => {
    expect(guard({ plan: { consumers: [aConsumer(), aConsumer({ name: 'batch' })] } })).toEqual(
      stale(/no proof from batch/),
    );
  });

  it('is allowed where the missing proof was waived by name', () => {
    const plan = { consumers: [aConsumer(), aConsumer({ name: 'batch' })] };
    expect(guard({ plan, moment: { waived: ['batch'] } })).toEqual(passes);
    expect(guard({ plan, moment: { waived: ['another'] } })).toEqual(stale(/no proof from batch/));
  });

  it('never passes when two clauses are wrong at once', () => {
    const wrong: readonly Wrong[] = [
      { moment: { held: true } },
      { moment: { guardSeq: 8 } },
      { moment: { nowMs: lookedMs + ALIAS_MAX_AGE_MS + 1 } },
      { facts: { current: null } },
      { facts: { answers: answers('unknown') } },
      { facts: { system: 'system-2' } },
    ];
    fc.assert(
      fc.property(fc.subarray([...wrong], { minLength: 1 }), (chosen) => {
        const merged: Wrong = {
          moment: Object.assign({}, ...chosen.map((each) => each.moment)) as Partial<Moment>,
          facts: Object.assign({}, ...chosen.map((each) => each.facts)) as Partial<DrainFacts & WatchFacts>,
        };
        return guard(merged).kind === 'stale';
      }),
    );
  });
});

describe('disable', () => {
  it.each(['pending', 'refused', 'unreachable'] as const)(
    'is held back where a required consumer answers %s',
    (answer) => {
      expect(disable({ facts: { consumers: [aProof({ answer, sinceMs: longAgoMs })] } })).toEqual(
        stale(/no proof from app/),
      );
    },
  );

  it('is held back where one instance of a required consumer has not proved', () => {
    const consumers = [
      aProof({ instance: 'app-1', sinceMs: longAgoMs }),
      aProof({ instance: 'app-2', answer: 'pending', sinceMs: longAgoMs }),
    ];
    expect(disable({ facts: { consumers } })).toEqual(stale(/no proof from app/));
  });

  it('is allowed at the last millisecond of the age of a proof, and not after', () => {
    const nowMs = lookedMs + ALIAS_MAX_AGE_MS;
    const proof = (ageMs: number) => [aProof({ atMs: nowMs - ageMs, sinceMs: longAgoMs })];
    expect(disable({ moment: { nowMs }, facts: { consumers: proof(PROOF_MAX_AGE_MS) } })).toEqual(passes);
    expect(disable({ moment: { nowMs }, facts: { consumers: proof(PROOF_MAX_AGE_MS + 1) } })).toEqual(
      stale(/no proof from app/),
    );
  });

  it('is allowed at the millisecond grace is over, and not before', () => {
    const facts = { usage: null };
    expect(disable({ facts, promotedMs: lookedMs - graceMs })).toEqual(passes);
    expect(disable({ facts, promotedMs: lookedMs - graceMs + 1 })).toEqual(stale(/grace/));
  });

  it('counts the longest cache that any consumer declares as grace', () => {
    const cacheTtlMs = graceMs + 5_000;
    const plan = { consumers: [aConsumer(), aConsumer({ name: 'report', required: false, cacheTtlMs })] };
    const facts = { usage: null };
    expect(disable({ plan, facts, promotedMs: lookedMs - cacheTtlMs + 1 })).toEqual(stale(/grace/));
    expect(disable({ plan, facts, promotedMs: lookedMs - cacheTtlMs })).toEqual(passes);
  });

  it('is held back where a session with the old credential was opened too lately', () => {
    expect(disable({ facts: { lastOpenedMs: lookedMs - quietMs + 1 } })).toEqual(stale(/not quiet/));
    expect(disable({ facts: { lastOpenedMs: lookedMs - quietMs } })).toEqual(passes);
  });

  it('is held back where the use of the old credential is unknown', () => {
    expect(disable({ facts: { usage: { kind: 'unknown', reason: 'no answer' } } })).toEqual(stale(/unknown/));
  });

  it('expires with the label: it was read first', () => {
    expect(disable()).toEqual({ kind: 'pass', notBeforeMs: lookedMs, notAfterMs: lookedMs + ALIAS_MAX_AGE_MS });
  });

  it('expires with the oldest proof where that is sooner', () => {
    const atMs = lookedMs - PROOF_MAX_AGE_MS + 3_000;
    const plan = { consumers: [aConsumer(), aConsumer({ name: 'batch' })] };
    const facts = {
      consumers: [aProof({ sinceMs: longAgoMs }), aProof({ consumer: 'batch', atMs, sinceMs: longAgoMs })],
    };
    expect(disable({ plan, facts })).toEqual({ kind: 'pass', notBeforeMs: lookedMs, notAfterMs: lookedMs + 3_000 });
  });

  it('does not expire with a proof that nobody waits for', () => {
    const plan = {
      consumers: [aConsumer(), aConsumer({ name: 'waived' }), aConsumer({ name: 'report', required: false })],
    };
    const old = { atMs: longAgoMs, sinceMs: longAgoMs };
    const consumers = [
      aProof({ sinceMs: longAgoMs }),
      aProof({ consumer: 'waived', ...old }),
      aProof({ consumer: 'report', ...old }),
    ];
    expect(disable({ plan, moment: { waived: ['waived'] }, facts: { consumers } })).toEqual({
      kind: 'pass',
      notBeforeMs: lookedMs,
      notAfterMs: lookedMs + ALIAS_MAX_AGE_MS,
    });
  });

  it('expires no later than any fact it relied on, whatever the ages', () => {
    const ageMs = fc.integer({ min: 0, max: PROOF_MAX_AGE_MS + 10_000 });
    fc.assert(
      fc.property(ageMs, fc.integer({ min: 0, max: ALIAS_MAX_AGE_MS + 1_000 }), (proofAgeMs, sinceLookMs) => {
        const nowMs = lookedMs + sinceLookMs;
        const verdict = disable({
          moment: { nowMs },
          facts: { consumers: [aProof({ atMs: nowMs - proofAgeMs, sinceMs: longAgoMs })] },
        });
        const allowed = proofAgeMs <= PROOF_MAX_AGE_MS && sinceLookMs <= ALIAS_MAX_AGE_MS;
        expect(verdict.kind).toBe(allowed ? 'pass' : 'stale');
        if (verdict.kind === 'pass') {
          expect(verdict.notAfterMs).toBe(Math.min(lookedMs + ALIAS_MAX_AGE_MS, nowMs - proofAgeMs + PROOF_MAX_AGE_MS));
          expect(verdict.notAfterMs).toBeGreaterThanOrEqual(nowMs);
          expect(verdict.notBeforeMs).toBe(Math.max(lookedMs, nowMs - proofAgeMs));
        }
      }),
    );
  });
});

describe('destroy', () => {
  it('asks for a proof of any age, because disable has asked for a young one', () => {
    expect(destroy({ consumers: [aProof({ atMs: 0 })] })).toEqual(passes);
    expect(destroy({ consumers: [aProof({ answer: 'pending' })] })).toEqual(stale(/no proof from app/));
  });

  it('is allowed at the millisecond the watch window is over, and not before', () => {
    expect(destroy({ disabledMs: lookedMs - watchMs })).toEqual(passes);
    expect(destroy({ disabledMs: lookedMs - watchMs + 1 })).toEqual(stale(/watch window/));
  });

  it('has no window where only one credential could live', () => {
    expect(destroy({ disabledMs: null, oldAnswers: null })).toEqual(passes);
  });

  it.each(['accepted', 'unknown'] as const)('is held back where one endpoint answers %s to the old one', (answer) => {
    expect(destroy({ oldAnswers: answers('refused', answer) })).toEqual(stale(/not refused everywhere/));
  });

  it('is held back where no endpoint was asked about the old one', () => {
    expect(destroy({ oldAnswers: [] })).toEqual(stale(/not refused everywhere/));
  });

  it('is allowed where the old one is gone at one endpoint and refused at the other', () => {
    expect(destroy({ oldAnswers: answers('refused', 'absent') })).toEqual(passes);
  });

  it('expires with the label', () => {
    expect(destroy()).toEqual({ kind: 'pass', notBeforeMs: lookedMs, notAfterMs: lookedMs + ALIAS_MAX_AGE_MS });
  });
});

it('the ages are those of the invariant', () => {
  expect([ALIAS_MAX_AGE_MS, VERIFIED_MAX_AGE_MS, PROOF_MAX_AGE_MS]).toEqual([5_000, 60_000, 60_000]);
});

it('a target that cannot tell who uses a credential is not asked for quiet', () => {
  const plan = { capabilities: { ...ableCapabilities, usage: false } };
  expect(disable({ plan, facts: { usage: { kind: 'unknown', reason: 'it cannot tell' } } })).toEqual(passes);
});

describe('destroying what could not be disabled', () => {
  const nowMs = aMoment().nowMs;
  const quiet = (change: Partial<QuietFacts> = {}): QuietFacts => ({
    atMs: nowMs,
    consumers: [aProof({ atMs: nowMs, sinceMs: longAgoMs })],
    usage: { kind: 'known', sessions: 0, youngestAgeMs: null, oldestAgeMs: null },
    lastOpenedMs: null,
    ...change,
  });
  const unable = { plan: { capabilities: { ...ableCapabilities, disable: false } }, oldAnswers: null };

  it('passes where it is quiet again and the proofs are young', () => {
    expect(destroy({ ...unable, again: quiet() })).toEqual(passes);
  });

  it('is stale where somebody logged in with the old one meanwhile', () => {
    expect(destroy({ ...unable, again: quiet({ lastOpenedMs: nowMs }) })).toEqual(stale(/not quiet/));
  });

  it('is never quiet where nobody can say since when', () => {
    expect(destroy({ ...unable, disabledMs: null, again: quiet() })).toEqual(stale(/not quiet/));
  });

  it('is stale where a proof is older than a minute', () => {
    expect(
      destroy({ ...unable, again: quiet({ consumers: [aProof({ atMs: nowMs - 60_001, sinceMs: longAgoMs })] }) }),
    ).toEqual(stale(/no proof/));
  });
});
