import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type SsmFixture, ssmFixture } from './ssm-fixture.js';
import { documentFor, errorOf, labelsOf, putByHand, staged, versionsOf } from './ssm-words.js';

let fixture: SsmFixture;

beforeAll(async () => {
  fixture = await ssmFixture();
});

afterAll(() => fixture.close());

describe('a hundred versions, the oldest of them current', () => {
  test('are found by a preflight, whose cure does not send applications to another version', async () => {
    const { store, begin } = fixture;
    const { scope, old } = await staged(fixture);
    await store.retirePending(scope, 2);
    // As rotations leave them that turn back, every day.
    for (let count = 2; count < 100; count += 1) await putByHand(fixture, scope);
    const next = await begin(scope.plan.secret);

    expect(await store.preflight(next, old)).toMatchObject([
      {
        sentence: expect.stringContaining('the oldest, 1, has the label current') as string,
        cure: expect.stringMatching(/put its value once more, and put current on the new version/) as string,
      },
    ]);
    expect(await errorOf(store.putPending(next, documentFor(next)))).toMatchObject({ code: 'VERSION_LIMIT' });
    expect(await versionsOf(fixture, scope)).toHaveLength(50);
    expect(await labelsOf(fixture, scope)).toEqual({ current: old });
  });
});
