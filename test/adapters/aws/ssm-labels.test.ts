import { DeleteParameterCommand, PutParameterCommand, UnlabelParameterVersionCommand } from '@aws-sdk/client-ssm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Scope } from '../../../src/ports/step-ports.js';
import { denied, throttling } from '../../support/ssm/fault-proxy.js';
import { type SsmFixture, ssmFixture } from './ssm-fixture.js';
import { documentFor, errorOf, labelByHand, labelsOf, putByHand, staged, versionsOf } from './ssm-words.js';

let fixture: SsmFixture;

beforeAll(async () => {
  fixture = await ssmFixture();
});

afterAll(() => fixture.close());

afterEach(() => {
  fixture.proxy.heal();
  fixture.proxy.requests.length = 0;
});

const label = { operation: 'LabelParameterVersion' };

describe('a label that is moved', () => {
  test('names the version, and takes no more calls than labels', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    proxy.requests.length = 0;

    await store.moveCurrent(scope, { from: old, to: pending, previous: old });

    const moves = proxy.requests.filter(({ operation }) => /label/i.test(operation));
    expect(moves.map(({ operation, input }) => [operation, input['ParameterVersion'], input['Labels']])).toEqual([
      ['LabelParameterVersion', old, ['previous']],
      ['LabelParameterVersion', pending, ['current']],
      ['UnlabelParameterVersion', pending, ['pending']],
    ]);
    expect(await labelsOf(fixture, scope)).toEqual({ previous: old, current: pending });
  });

  test.each([throttling, { kind: 'refuse', error: 'TooManyUpdates' } as const])(
    'and refused for a moment is moved by the next try: %o',
    async (fault) => {
      const { store, proxy } = fixture;
      const { scope, old, pending } = await staged(fixture);
      const move = { from: old, to: pending, previous: old };
      for (let at = 0; at < 3; at += 1) {
        proxy.plant(fault, { when: ({ operation }) => /label/i.test(operation) });
        expect(await errorOf(store.moveCurrent(scope, move))).toMatchObject({
          code: 'STORE_UNAVAILABLE',
          facts: { outcome: 'none' },
        });
      }

      expect(await store.moveCurrent(scope, move)).toEqual({ current: pending });
      expect(await labelsOf(fixture, scope)).toEqual({ previous: old, current: pending });
    },
  );

  test('with a lost answer is where it belongs after the next try', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    proxy.plant({ kind: 'lose-answer' }, { when: ({ input }) => String(input['Labels']) === 'current' });
    const move = { from: old, to: pending, previous: old };

    expect(await errorOf(store.moveCurrent(scope, move))).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      facts: { outcome: 'unknown' },
    });
    expect(await store.moveCurrent(scope, move)).toEqual({ current: pending });

    expect(await labelsOf(fixture, scope)).toEqual({ previous: old, current: pending });
  });

  test('and told in InvalidLabels is not taken for moved', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    proxy.plant({ kind: 'change', answer: (body) => ({ ...body, InvalidLabels: ['previous'] }) }, label);

    expect(await errorOf(store.moveCurrent(scope, { from: old, to: pending, previous: old }))).toMatchObject({
      code: 'STORE_DENIED',
      facts: { action: 'the label previous' },
    });
    expect(await labelsOf(fixture, scope)).toMatchObject({ current: old, pending });
  });

  test('and denied names the permission, and nothing has moved', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    proxy.plant(denied('ssm:LabelParameterVersion'), label);

    expect(await errorOf(store.moveCurrent(scope, { from: old, to: pending, previous: old }))).toMatchObject({
      code: 'STORE_DENIED',
      facts: { action: 'ssm:LabelParameterVersion' },
    });
    expect(await labelsOf(fixture, scope)).toEqual({ current: old, pending });
  });

  test('by an executor that loses the lease in between stays where it is', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    proxy.plant({ kind: 'first', does: async () => fixture.expire(scope) }, { operation: 'GetParameterHistory' });

    expect(await errorOf(store.moveCurrent(scope, { from: old, to: pending, previous: old }))).toMatchObject({
      code: 'STORE_STALE',
    });

    expect(await labelsOf(fixture, scope)).toEqual({ current: old, pending });
  });
});

describe('a read that is a moment old', () => {
  const history = { operation: 'GetParameterHistory' };

  test('after a move is read again until it shows the move', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    proxy.plant({ kind: 'stale' }, { ...history, times: 2, when: () => proxy.count('UnlabelParameterVersion') > 0 });

    expect(await store.moveCurrent(scope, { from: old, to: pending, previous: old })).toEqual({ current: pending });
  });

  test('for long ends the try, and nothing is taken for moved', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    proxy.plant({ kind: 'stale' }, { ...history, times: 9, when: () => proxy.count('UnlabelParameterVersion') > 0 });
    const move = { from: old, to: pending, previous: old };

    expect(await errorOf(store.moveCurrent(scope, move))).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    proxy.heal();
    expect(await store.moveCurrent(scope, move)).toEqual({ current: pending });
  });

  test('of a version is read again until both ways of asking agree', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    await store.read(scope, 'current');
    await store.moveCurrent(scope, { from: old, to: pending, previous: old });
    // The value still comes by the label as it was.
    proxy.plant({ kind: 'stale' }, { operation: 'GetParameter', times: 2 });

    expect(await store.read(scope, 'current')).toMatchObject({ version: pending, labels: ['current'] });
  });

  test('that sees nothing of a put makes no second one', async () => {
    const { store, proxy } = fixture;
    const { scope, old } = await staged(fixture);
    const next = await fixture.begin(scope.plan.secret);
    proxy.plant({ kind: 'lose-answer' }, { operation: 'PutParameter' });
    await errorOf(store.putPending(next, documentFor(next)));
    proxy.plant({ kind: 'stale' }, { ...history, times: 2 });

    for (let times = 0; times < 2; times += 1)
      expect(await errorOf(store.putPending(next, documentFor(next)))).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const { version } = await store.putPending(next, documentFor(next));

    expect(version).toBe(old + 2);
    expect(await versionsOf(fixture, scope)).toHaveLength(old + 2);
  });

  test('shows no first credential to a secret that has one', async () => {
    const { store, proxy } = fixture;
    const scope = await fixture.begin(await fixture.freshSecret());
    const nothing = { kind: 'refuse', error: 'ParameterNotFound' } as const;
    const { version } = await store.putPending(scope, documentFor(scope));
    await store.moveCurrent(scope, { from: null, to: version, previous: null });
    proxy.plant(nothing, { operation: 'GetParameter' });

    expect(await store.read(scope, 'current')).toMatchObject({ version });

    proxy.plant(nothing, { operation: 'GetParameter' });
    proxy.plant(nothing, history);
    expect(await store.read(scope, 'current')).toBeNull();
    expect(await errorOf(store.preflight(scope, null))).toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});

describe('a label that somebody else has moved', () => {
  test('is not moved, and is told', async () => {
    const { store } = fixture;
    const { scope, old, pending } = await staged(fixture);
    const theirs = await putByHand(fixture, scope);
    await labelByHand(fixture, scope, { label: 'current', version: theirs });

    expect(await store.moveCurrent(scope, { from: old, to: pending, previous: old })).toEqual({ current: theirs });

    expect(await labelsOf(fixture, scope)).toEqual({ current: theirs, pending });
  });

  test('between our two calls is not moved either', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    const theirs = await putByHand(fixture, scope);
    // After `previous` was moved, before `current` is.
    proxy.plant(
      {
        kind: 'first',
        does: () => labelByHand(fixture, scope, { label: 'current', version: theirs }),
      },
      {
        operation: 'GetParameterHistory',
        when: () => proxy.requests.some(({ input }) => String(input['Labels']) === 'previous'),
      },
    );

    expect(await store.moveCurrent(scope, { from: old, to: pending, previous: old })).toEqual({ current: theirs });

    expect(await labelsOf(fixture, scope)).toMatchObject({ current: theirs });
  });

  test('right after ours is told', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    const theirs = await putByHand(fixture, scope);
    proxy.plant(
      {
        kind: 'first',
        does: () => labelByHand(fixture, scope, { label: 'current', version: theirs }),
      },
      { operation: 'UnlabelParameterVersion' },
    );

    expect(await store.moveCurrent(scope, { from: old, to: pending, previous: old })).toEqual({ current: theirs });
  });
});

describe('a parameter that was deleted and made anew', () => {
  const recreate = async (scope: Scope, versions: number): Promise<void> => {
    const Name = fixture.nameOf(scope);
    await fixture.ssm.byHand.send(new DeleteParameterCommand({ Name }));
    for (let count = 0; count < versions; count += 1) {
      const Value = `{"username":"theirs","password":"a-password-of-somebody-${count}"}`;
      await fixture.ssm.byHand.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', Overwrite: true }));
    }
  };

  test('without a label has no current, and none is put there', async () => {
    const { store } = fixture;
    const { scope, old, pending } = await staged(fixture);
    await recreate(scope, pending);

    expect(await store.moveCurrent(scope, { from: old, to: pending, previous: old })).toEqual({ current: null });
    expect(await labelsOf(fixture, scope)).toEqual({});
  });

  test('with the label on the same number is not ours: nothing is moved', async () => {
    const { store } = fixture;
    const { scope, old, pending } = await staged(fixture);
    await recreate(scope, pending);
    await labelByHand(fixture, scope, { label: 'current', version: old });

    expect(await errorOf(store.moveCurrent(scope, { from: old, to: pending, previous: old }))).toMatchObject({
      code: 'FOREIGN_VERSION',
      class: 'park',
    });
    expect(await labelsOf(fixture, scope)).toEqual({ current: old });
  });

  test('keeps its own pending label when ours is retired', async () => {
    const { store } = fixture;
    const { scope, pending } = await staged(fixture);
    await recreate(scope, pending);
    await labelByHand(fixture, scope, { label: 'pending', version: pending });

    await store.retirePending(scope, pending);

    expect(await labelsOf(fixture, scope)).toEqual({ pending });
  });
});

describe('a preflight', () => {
  test('finds a parameter of another type, and one that SSM would delete', async () => {
    const { store, ssm, nameOf, begin, freshSecret } = fixture;
    const plain = await begin(await freshSecret());
    await ssm.byHand.send(new PutParameterCommand({ Name: nameOf(plain), Value: 'a list', Type: 'String' }));
    const expiring = await begin(await freshSecret());
    await ssm.byHand.send(
      new PutParameterCommand({
        Name: nameOf(expiring),
        Value: 'a value',
        Type: 'SecureString',
        Tier: 'Advanced',
        Policies: JSON.stringify([
          { Type: 'Expiration', Version: '1.0', Attributes: { Timestamp: '2099-01-01T00:00:00.000Z' } },
        ]),
      }),
    );

    expect(await store.preflight(plain, null)).toMatchObject([
      { sentence: expect.stringContaining('is a String') as string },
    ]);
    expect(await store.preflight(expiring, null)).toMatchObject([
      { sentence: expect.stringContaining('Expiration policy') as string },
    ]);
  });

  test('finds a current version that has no room for one more label', async () => {
    const { store } = fixture;
    const { scope, old } = await staged(fixture);
    for (let count = 0; count < 9; count += 1)
      await labelByHand(fixture, scope, { label: `by-hand-${count}`, version: old });

    expect(await store.preflight(scope, old)).toMatchObject([
      {
        sentence: expect.stringContaining('has 10 labels') as string,
        cure: expect.stringContaining('Take a label off') as string,
      },
    ]);
  });

  test('finds that somebody has taken the label current off', async () => {
    const { store, ssm, nameOf, begin } = fixture;
    const { scope, old, pending } = await staged(fixture);
    await store.moveCurrent(scope, { from: old, to: pending, previous: old });
    await ssm.byHand.send(
      new UnlabelParameterVersionCommand({ Name: nameOf(scope), ParameterVersion: pending, Labels: ['current'] }),
    );
    const next = await begin(scope.plan.secret);
    expect(await store.read(next, 'current')).toBeNull();

    expect(await store.preflight(next, null)).toMatchObject([
      { sentence: expect.stringContaining('somebody has taken current off') as string },
    ]);
  });
});
