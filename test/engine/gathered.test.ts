import { expect, it } from 'vitest';
import { keyturnError } from '../../src/core/errors.js';
import { gathered } from '../../src/engine/gathered.js';

/** Calls of a work that doubles, of which each waits until the test lets it go on. */
function doubling(judge: (all: readonly number[]) => void = () => undefined) {
  const calls: (readonly number[])[] = [];
  const held: (() => void)[] = [];
  const work = async (all: readonly number[]): Promise<readonly number[]> => {
    calls.push(all);
    await new Promise<void>((resolve) => held.push(resolve));
    judge(all);
    return all.map((one) => one * 2);
  };
  const goOn = async (): Promise<void> => {
    while (held.length > 0) {
      held.shift()?.();
      await new Promise(setImmediate);
    }
  };
  return { calls, work, goOn };
}

const refusing = (code: 'STATE_REFUSED' | 'STATE_UNAVAILABLE', ...those: readonly number[]) => {
  return (all: readonly number[]): void => {
    if (those.some((one) => all.includes(one))) throw keyturnError(code, { sqlstate: '23514' });
  };
};

it('what comes while a call is under way is done by the next one, and each gets its own answer', async () => {
  const { calls, work, goOn } = doubling();
  const double = gathered(work, 10);
  const answers = Promise.all([1, 2, 3].map(double));
  await goOn();
  expect(await answers).toEqual([2, 4, 6]);
  expect(calls).toEqual([[1], [2, 3]]);
});

it('one call does not grow without bound', async () => {
  const { calls, work, goOn } = doubling();
  const double = gathered(work, 2);
  const answers = Promise.all([1, 2, 3, 4].map(double));
  await goOn();
  expect(await answers).toEqual([2, 4, 6, 8]);
  expect(calls).toEqual([[1], [2, 3], [4]]);
});

it('one that the database refuses takes no other with it', async () => {
  const { work, goOn } = doubling(refusing('STATE_REFUSED', 3));
  const double = gathered(work, 10);
  const answers = Promise.allSettled([1, 2, 3, 4].map(double));
  await goOn();
  expect(await answers).toMatchObject([
    { value: 2 },
    { value: 4 },
    { reason: { code: 'STATE_REFUSED' } },
    { value: 8 },
  ]);
});

it('what may have been done though no answer came is not done again', async () => {
  const { calls, work, goOn } = doubling(refusing('STATE_UNAVAILABLE', 3));
  const double = gathered(work, 10);
  const answers = Promise.allSettled([1, 2, 3].map(double));
  await goOn();
  expect((await answers).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  expect(calls).toEqual([[1], [2, 3]]);
});

it('goes on after a call that failed', async () => {
  const { work, goOn } = doubling(refusing('STATE_UNAVAILABLE', 1));
  const double = gathered(work, 10);
  const first = Promise.allSettled([double(1)]);
  await goOn();
  await first;
  const second = double(2);
  await goOn();
  expect(await second).toBe(4);
});
