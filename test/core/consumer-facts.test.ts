import { describe, expect, it } from 'vitest';
import type { ConsumerFact } from '../../src/core/canary.js';
import { PROOF_MAX_AGE_MS, factsAfter, noProofFrom } from '../../src/core/consumer-facts.js';
import { aProof, lookedMs } from '../support/evidence.js';

const forgetAfterMs = 20_000;
const atMs = lookedMs + 5_000;

const fact = (instance: string | null, answer: ConsumerFact['answer'] = 'proved', change: Partial<ConsumerFact> = {}) =>
  aProof({ instance, answer, ...change });
const says = (instance: string | null, answer: ConsumerFact['answer'] = 'proved') =>
  ({ consumer: 'app', instance, answer, reason: '' }) as const;
const after = (answers: Parameters<typeof factsAfter>[0], previous: readonly ConsumerFact[], nowMs = atMs) =>
  factsAfter(answers, previous, { atMs: nowMs, forgetAfterMs });

describe('what an instance answers', () => {
  it('is of the time of the look, and since then where nobody had heard of its consumer', () => {
    expect(after([says('a')], [])).toEqual([fact('a', 'proved', { atMs, sinceMs: atMs })]);
    expect(after([says('a')], [fact('a', 'proved', { consumer: 'batch' })])).toEqual([
      fact('a', 'proved', { atMs, sinceMs: atMs }),
    ]);
  });

  it('is as old as the challenge it answers, and heard of at this look', () => {
    const late = { ...says('a'), atMs: lookedMs - 1_000, late: true } as const;
    expect(after([late], [])).toEqual([fact('a', 'proved', { atMs: lookedMs - 1_000, sinceMs: atMs, late: true })]);
    expect(after([late], [fact('a')])).toEqual([fact('a', 'proved', { atMs: lookedMs - 1_000, late: true })]);
  });

  it('is since it first gave that answer', () => {
    expect(after([says('a')], [fact('a')])).toEqual([fact('a', 'proved', { atMs })]);
    expect(after([says('a')], [fact('a', 'pending')])).toEqual([fact('a', 'proved', { atMs, sinceMs: atMs })]);
  });

  it('is not since another gave that answer', () => {
    expect(after([says('a'), says('b')], [fact('a'), fact('b', 'pending')])).toEqual([
      fact('a', 'proved', { atMs }),
      fact('b', 'proved', { atMs, sinceMs: atMs }),
    ]);
  });

  it('is since all that were known gave it, where it is a new one', () => {
    const newest = { sinceMs: lookedMs + 1_000 };
    expect(after([says('c')], [fact('a', 'proved', newest), fact('b')])).toEqual([
      fact('c', 'proved', { atMs, ...newest }),
    ]);
    expect(after([says('c')], [fact('a'), fact(null, 'unreachable')])).toEqual([
      fact('c', 'proved', { atMs, sinceMs: atMs }),
    ]);
  });
});

describe('an instance that was not proved', () => {
  const lost = { reason: 'it was not proved when it was last heard of', sinceMs: atMs };

  it('stays, as one that nobody hears of since now', () => {
    expect(after([says('a')], [fact('a'), fact('b', 'pending')])).toEqual([
      fact('a', 'proved', { atMs }),
      fact('b', 'unreachable', { ...lost, atMs }),
    ]);
  });

  it('stays until it was not heard of for long enough', () => {
    const previous = [fact('b', 'unreachable', { ...lost, atMs })];
    const last = atMs + forgetAfterMs - 1;
    expect(after([], previous, last)).toEqual([fact('b', 'unreachable', { ...lost, atMs: last })]);
    expect(after([], previous, last + 1)).toEqual([]);
  });

  it('is gone once it proves', () => {
    expect(after([says('b')], [fact('b', 'unreachable', lost)])).toEqual([
      fact('b', 'proved', { atMs, sinceMs: atMs }),
    ]);
  });

  it('stays beside one of the same name of another consumer', () => {
    const of = 'batch';
    expect(after([{ ...says('b'), consumer: of }], [fact('b', 'pending')])).toEqual([
      fact('b', 'proved', { consumer: of, atMs, sinceMs: atMs }),
      fact('b', 'unreachable', { ...lost, atMs }),
    ]);
  });

  it('without a name is nobody in particular, and does not stay', () => {
    expect(after([says('a')], [fact(null, 'unreachable')])).toHaveLength(1);
  });
});

it('an instance that has proved is not kept: its proof grows old', () => {
  expect(after([says('b')], [fact('a')])).toEqual([fact('b', 'proved', { atMs })]);
});

describe('an instance of those that are counted', () => {
  const counting = (answers: Parameters<typeof factsAfter>[0], previous: readonly ConsumerFact[], nowMs = atMs) =>
    factsAfter(answers, previous, { atMs: nowMs, forgetAfterMs, counted: [{ name: 'app', instances: 'registered' }] });
  const unheard = {
    ...says('a', 'unreachable'),
    reason: 'it is registered and did not answer',
    unheard: true,
  } as const;

  it('keeps its proof while that is young, whoever answers in its place', () => {
    const oldMs = lookedMs + PROOF_MAX_AGE_MS;
    expect(counting([says('b')], [fact('a')], oldMs - 1)).toEqual([
      fact('b', 'proved', { atMs: oldMs - 1 }),
      fact('a'),
    ]);
    expect(counting([says('b')], [fact('a')], oldMs)).toEqual([fact('b', 'proved', { atMs: oldMs })]);
    expect(counting([], [fact(null), fact('a', 'proved', { consumer: 'batch' })])).toEqual([]);
  });

  it('has proved since now where fewer had than must, and since all had where it takes the place of one', () => {
    const ofTwo = (instance: string, previous: readonly ConsumerFact[]) =>
      factsAfter([says(instance)], previous, { atMs, forgetAfterMs, counted: [{ name: 'app', instances: 2 }] })[0];
    expect(ofTwo('b', [fact('a')])).toEqual(fact('b', 'proved', { atMs, sinceMs: atMs }));
    const both = [fact('a', 'proved', { sinceMs: lookedMs - 9 }), fact('b', 'proved', { sinceMs: lookedMs - 5 })];
    expect(ofTwo('c', both)).toEqual(fact('c', 'proved', { atMs, sinceMs: lookedMs - 5 }));
  });

  it('loses it by what it says itself', () => {
    expect(counting([says('a', 'pending')], [fact('a')])).toEqual([fact('a', 'pending', { atMs, sinceMs: atMs })]);
    expect(counting([says('a', 'unreachable')], [fact('a')])).toMatchObject([{ answer: 'unreachable' }]);
  });

  it('that is registered and was not heard is waited for, unless its proof is young', () => {
    expect(counting([unheard], [fact('a')])).toEqual([fact('a')]);
    const waitedFor = fact('a', 'unreachable', { reason: unheard.reason, atMs, sinceMs: atMs });
    expect(counting([unheard], [])).toEqual([waitedFor]);
    expect(counting([unheard], [fact('a', 'pending')])).toEqual([waitedFor]);
    const laterMs = lookedMs + PROOF_MAX_AGE_MS;
    expect(counting([unheard], [fact('a')], laterMs)).toEqual([{ ...waitedFor, atMs: laterMs, sinceMs: laterMs }]);
  });
});

it('an instance that has gone is not waited for, whatever it said before', () => {
  const gone = { ...says('a', 'unreachable'), gone: true } as const;
  const left = (previous: readonly ConsumerFact[]) =>
    factsAfter([gone, says('b')], previous, { atMs, forgetAfterMs, counted: [{ name: 'app', instances: 2 }] });
  const b = fact('b', 'proved', { atMs, sinceMs: atMs });
  expect(left([])).toEqual([b]);
  expect(left([fact('a', 'pending')])).toEqual([b]);
  expect(left([fact('a')])).toMatchObject([{ instance: 'b', answer: 'proved' }]);
});

describe('a proof that is waited for', () => {
  const silent = fact('b', 'unreachable', { reason: 'no answer' });

  it('is named with the reason that its consumer gave', () => {
    const other = fact(null, 'pending', { consumer: 'batch', reason: 'it does not use this version yet' });
    expect(noProofFrom({ name: 'app' }, [other, fact('a'), silent, fact('c', 'pending', { reason: 'later' })])).toBe(
      'no proof from app (b: no answer)',
    );
  });

  it('is named alone where nobody was heard of, gave a reason, or all have proved and it is too old', () => {
    expect(noProofFrom({ name: 'app' }, [])).toBe('no proof from app');
    expect(noProofFrom({ name: 'app' }, [fact('a', 'pending')])).toBe('no proof from app');
    expect(noProofFrom({ name: 'app' }, [fact('a', 'proved', { reason: 'of another time' })])).toBe(
      'no proof from app',
    );
  });

  it('is counted where so many instances must prove', () => {
    const app = { name: 'app', instances: 3 };
    const proved = [fact('a'), fact('b'), fact('b'), fact(null), fact('c', 'proved', { consumer: 'batch' })];
    expect(noProofFrom(app, proved)).toBe('no proof from app (2 of 3 instances have proved)');
    expect(noProofFrom(app, [fact('a'), silent])).toBe('no proof from app (b: no answer)');
  });
});
