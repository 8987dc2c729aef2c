import { describe, expect, it } from 'vitest';
import type { ConsumerFact } from '../../src/core/canary.js';
import { factsAfter, noProofFrom } from '../../src/core/consumer-facts.js';
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

describe('a proof that is waited for', () => {
  const silent = fact('b', 'unreachable', { reason: 'no answer' });

  it('is named with the reason that its consumer gave', () => {
    const other = fact(null, 'pending', { consumer: 'batch', reason: 'it does not use this version yet' });
    expect(noProofFrom('app', [other, fact('a'), silent, fact('c', 'pending', { reason: 'later' })])).toBe(
      'no proof from app (no answer)',
    );
  });

  it('is named alone where nobody was heard of, gave a reason, or all have proved and it is too old', () => {
    expect(noProofFrom('app', [])).toBe('no proof from app');
    expect(noProofFrom('app', [fact('a', 'pending')])).toBe('no proof from app');
    expect(noProofFrom('app', [fact('a', 'proved', { reason: 'of another time' })])).toBe('no proof from app');
  });
});
