import { describe, expect, it } from 'vitest';
import { contradiction, graceMs, namesNew, unprovedConsumer, unquiet } from '../../src/core/evidence.js';
import type { Plan } from '../../src/core/plan.js';
import { aConsumer, aProof, answers, drainFacts, evidence, expected, lookedMs } from '../support/evidence.js';
import { aPlan, ableCapabilities, promptPolicy } from '../support/plans.js';

describe('what contradicts the rotation', () => {
  const found = (facts: Parameters<typeof evidence>[0]) => contradiction(evidence(facts), expected, aPlan());

  it('nothing, where the world is as it was left', () => {
    expect(found({})).toBeUndefined();
  });

  it('a label that is elsewhere, whatever else is wrong', () => {
    expect(found({ current: null, system: 'system-2', answers: answers('refused') })).toMatchObject({
      code: 'ALIAS_MOVED',
    });
  });

  it('another system behind the address, before what it answers', () => {
    expect(found({ system: 'system-2', answers: answers('refused') })).toEqual({
      code: 'TARGET_CHANGED',
      facts: { target: 'billing', finding: 'system system-2, was system-1' },
    });
  });

  it.each(['refused', 'absent'] as const)('an endpoint that answers %s to the new credential', (answer) => {
    expect(found({ answers: answers('accepted', answer) })).toEqual({
      code: 'NEW_REFUSED',
      facts: { endpoint: 'two' },
    });
  });

  it('no answer is no contradiction', () => {
    expect(found({ answers: answers('unknown') })).toBeUndefined();
  });
});

it('the label names the new version by number and by content', () => {
  expect(namesNew(evidence(), expected)).toBe(true);
  expect(namesNew(evidence({ current: { version: 3, digest: expected.digest } }), expected)).toBe(false);
  expect(namesNew(evidence({ current: { version: 2, digest: 'another' } }), expected)).toBe(false);
  expect(namesNew(evidence({ current: null }), expected)).toBe(false);
});

describe('grace', () => {
  const plan = (grace: number, ...ttls: readonly number[]): Plan =>
    aPlan({
      policy: { ...promptPolicy, graceMs: grace },
      consumers: ttls.map((cacheTtlMs) => aConsumer({ cacheTtlMs })),
    });

  it('is the longest of policy and of all declared caches', () => {
    expect(graceMs(plan(10))).toBe(10);
    expect(graceMs(plan(10, 5, 7))).toBe(10);
    expect(graceMs(plan(10, 5, 30, 20))).toBe(30);
  });
});

describe('a missing proof', () => {
  const plan = aPlan({
    consumers: [aConsumer({ name: 'optional', required: false }), aConsumer(), aConsumer({ name: 'batch' })],
  });
  const of = (consumers: Parameters<typeof unprovedConsumer>[1]['consumers'], waived: readonly string[] = []) =>
    unprovedConsumer(plan, { waived, consumers, nowMs: lookedMs, maxAgeMs: 1_000 })?.name;

  it('is named by the first required consumer that lacks it', () => {
    expect(of([])).toBe('app');
    expect(of([aProof()])).toBe('batch');
    expect(of([aProof(), aProof({ consumer: 'batch' })])).toBeUndefined();
  });

  it('is none where all who lack it are waived', () => {
    expect(of([], ['app', 'batch'])).toBeUndefined();
  });

  it('is one of any instance', () => {
    const consumers = [
      aProof({ instance: 'a' }),
      aProof({ consumer: 'batch' }),
      aProof({ instance: 'b', answer: 'unreachable' }),
    ];
    expect(of(consumers)).toBe('app');
  });

  it('is one of fewer instances than there must be, told apart by name', () => {
    const two = aPlan({ consumers: [aConsumer({ instances: 2 })] });
    const lacks = (...instances: readonly (string | null)[]) =>
      unprovedConsumer(two, {
        waived: [],
        consumers: instances.map((instance) => aProof({ instance })),
        nowMs: lookedMs,
        maxAgeMs: 1_000,
      })?.name;
    expect(lacks('a')).toBe('app');
    expect(lacks('a', 'a')).toBe('app');
    expect(lacks('a', null)).toBe('app');
    expect(lacks('a', 'b')).toBeUndefined();
    expect(lacks('a', 'b', 'c')).toBeUndefined();
  });

  it('is one that is a millisecond too old', () => {
    const batch = (ageMs: number) => [aProof(), aProof({ consumer: 'batch', atMs: lookedMs - ageMs })];
    expect(of(batch(1_000))).toBeUndefined();
    expect(of(batch(1_001))).toBe('batch');
  });
});

describe('quiet', () => {
  const quietMs = 10_000;
  const maxSessionAgeMs = 60_000;
  const policy = { ...promptPolicy, quietMs, maxSessionAgeMs, pollMs: 1_000 };
  const longAgoMs = lookedMs - 500_000;
  const open = (oldestAgeMs: number) =>
    ({ kind: 'known', sessions: 2, youngestAgeMs: oldestAgeMs, oldestAgeMs }) as const;
  const of = (facts: Parameters<typeof drainFacts>[0] = {}, plan: Partial<Plan> = {}, promotedMs = longAgoMs) =>
    unquiet(
      aPlan({ policy, consumers: [aConsumer(), aConsumer({ name: 'report', required: false })], ...plan }),
      drainFacts({ consumers: [aProof({ sinceMs: longAgoMs })], ...facts }),
      promotedMs,
    );

  it('is there where nothing was opened for long enough and nothing is open', () => {
    expect(of()).toBeUndefined();
  });

  it('is not asked of a target that cannot tell, nor where there is no old credential', () => {
    const unknown = { usage: { kind: 'unknown', reason: '' } } as const;
    expect(of(unknown, { capabilities: { ...ableCapabilities, usage: false } })).toBeUndefined();
    expect(of({ usage: null, lastOpenedMs: lookedMs })).toBeUndefined();
  });

  it('is missing where a target that can tell does not', () => {
    expect(of({ usage: { kind: 'unknown', reason: '' } })).toEqual({
      why: expect.stringMatching(/unknown/),
      againInMs: 1_000,
    });
  });

  it('counts from the last session opened', () => {
    expect(of({ lastOpenedMs: lookedMs - quietMs + 1 })).toEqual({
      why: expect.stringMatching(/not quiet/),
      againInMs: 1,
    });
    expect(of({ lastOpenedMs: lookedMs - quietMs })).toBeUndefined();
  });

  it('counts from the last required proof, and not from one that is not required', () => {
    expect(of({ consumers: [aProof({ sinceMs: lookedMs - 4_000 })] })).toMatchObject({ againInMs: 6_000 });
    const report = aProof({ consumer: 'report', sinceMs: lookedMs });
    expect(of({ consumers: [aProof({ sinceMs: longAgoMs }), report] })).toBeUndefined();
  });

  it('counts from promote', () => {
    expect(of({ consumers: [] }, {}, lookedMs - 1_000)).toMatchObject({ againInMs: 9_000 });
    expect(of({ consumers: [] }, {}, lookedMs - quietMs)).toBeUndefined();
  });

  it('awaits sessions opened before until they are old enough to be ended', () => {
    expect(of({ usage: open(maxSessionAgeMs - 1) })).toEqual({
      why: expect.stringMatching(/2 session\(s\).*still open/),
      againInMs: 1,
    });
    expect(of({ usage: open(maxSessionAgeMs) })).toBeUndefined();
  });

  it('awaits the youngest of them, whatever the age of the others', () => {
    const usage = {
      kind: 'known',
      sessions: 2,
      youngestAgeMs: maxSessionAgeMs - 7,
      oldestAgeMs: maxSessionAgeMs,
    } as const;
    expect(of({ usage })).toMatchObject({ againInMs: 7 });
  });

  it('is missing for ever where open sessions cannot be ended', () => {
    const capabilities = { ...ableCapabilities, endsSessions: false };
    expect(of({ usage: open(maxSessionAgeMs) }, { capabilities })).toMatchObject({
      why: expect.stringMatching(/cannot be ended/),
    });
  });

  it('takes sessions of unknown age as new ones', () => {
    const usage = { kind: 'known', sessions: 1, youngestAgeMs: null, oldestAgeMs: null } as const;
    expect(of({ usage })).toMatchObject({ againInMs: maxSessionAgeMs });
  });
});
