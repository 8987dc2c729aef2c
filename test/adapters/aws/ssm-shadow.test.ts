import { DeleteParameterCommand } from '@aws-sdk/client-ssm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Scope } from '../../../src/ports/step-ports.js';
import { type ProxiedRequest, denied, throttling } from '../../support/ssm/fault-proxy.js';
import { type SsmFixture, settleMs, ssmFixture } from './ssm-fixture.js';
import { documentFor, errorOf, labelByHand, labelsOf, putByHand, staged, textOf } from './ssm-words.js';

let fixture: SsmFixture;

beforeAll(async () => {
  fixture = await ssmFixture({ staging: 'shadow' });
});

afterAll(() => fixture.close());

afterEach(() => {
  fixture.proxy.heal();
  fixture.proxy.requests.length = 0;
});

/** The parameter that consumers read, for the words that take the one with the versions. */
const bare = () => ({ ssm: fixture.ssm, nameOf: fixture.bareOf });

/** What `GetParameter` of the bare name gives. */
const readBare = async (scope: Scope): Promise<string | undefined> => textOf(bare(), scope, null);

const textOfVersion = async (scope: Scope, version: number): Promise<string | undefined> =>
  textOf(fixture, scope, version);

const ofBare =
  (scope: Scope) =>
  ({ input }: ProxiedRequest): boolean =>
    input['Name'] === fixture.bareOf(scope);

const barePut = (scope: Scope) => ({ operation: 'PutParameter', when: ofBare(scope) });

const barePuts = (scope: Scope): number =>
  fixture.proxy.requests.filter((each) => each.operation === 'PutParameter' && ofBare(scope)(each)).length;

/** The time in which a put may still arrive is over. */
const settle = async ({ plan }: Scope): Promise<void> => {
  await fixture.pool.query(
    `UPDATE keyturn.store_puts SET sent_at = sent_at - $2 * interval '1 millisecond' WHERE secret = $1`,
    [plan.secret, settleMs],
  );
};

/** A rotation that has promoted. */
async function promoted() {
  const { scope, old, pending } = await staged(fixture);
  await fixture.store.moveCurrent(scope, { from: old, to: pending, previous: old });
  fixture.proxy.requests.length = 0;
  return { scope, old, pending, back: { from: pending, to: old, previous: null } };
}

const forward = (old: number, pending: number) => ({ from: old, to: pending, previous: old });

describe('the bare name', () => {
  test('has the current version while another is pending', async () => {
    const { scope, old, pending } = await staged(fixture);

    expect(await readBare(scope)).toBe(await textOfVersion(scope, old));
    expect(await labelsOf(fixture, scope)).toEqual({ current: old, pending });
    expect(await labelsOf(bare(), scope)).toEqual({});
  });

  test('gets one put at the promotion, after `previous` and before `current`', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    proxy.requests.length = 0;

    expect(await store.moveCurrent(scope, forward(old, pending))).toEqual({ current: pending });
    expect(await store.moveCurrent(scope, forward(old, pending))).toEqual({ current: pending });

    const writes = proxy.requests.filter(({ operation }) => /put|label/i.test(operation));
    expect(writes.map(({ operation, input }) => [operation, input['Name'], input['Labels']])).toEqual([
      ['LabelParameterVersion', fixture.nameOf(scope), ['previous']],
      ['PutParameter', fixture.bareOf(scope), undefined],
      ['LabelParameterVersion', fixture.nameOf(scope), ['current']],
      ['UnlabelParameterVersion', fixture.nameOf(scope), ['pending']],
    ]);
    expect(await readBare(scope)).toBe(await textOfVersion(scope, pending));
  });

  test('gets one put on the way back, of the value of before', async () => {
    const { store } = fixture;
    const { scope, old, back } = await promoted();

    expect(await store.moveCurrent(scope, back)).toEqual({ current: old });
    expect(await store.moveCurrent(scope, back)).toEqual({ current: old });

    expect(barePuts(scope)).toBe(1);
    expect(await readBare(scope)).toBe(await textOfVersion(scope, old));
    expect(await store.read(scope, 'current')).toMatchObject({ version: old });
  });

  test('that somebody has deleted is made again by the next move', async () => {
    const { store, ssm } = fixture;
    const { scope, old, pending } = await staged(fixture);
    await ssm.byHand.send(new DeleteParameterCommand({ Name: fixture.bareOf(scope) }));

    expect(await store.read(scope, 'current')).toMatchObject({ version: old });
    expect(await store.moveCurrent(scope, forward(old, pending))).toEqual({ current: pending });

    expect(await readBare(scope)).toBe(await textOfVersion(scope, pending));
  });

  test('keeps a first credential that was undone, until the next is promoted', async () => {
    const { store, begin, freshSecret } = fixture;
    const first = await begin(await freshSecret());
    const { version } = await store.putPending(first, documentFor(first));
    await store.moveCurrent(first, { from: null, to: version, previous: null });
    await store.moveCurrent(first, { from: version, to: null, previous: null });
    expect(await readBare(first)).toBe(await textOfVersion(first, version));
    expect(await store.read(first, 'current')).toBeNull();

    const scope = await begin(first.plan.secret);
    expect(await store.preflight(scope, null)).toEqual([]);
    const next = await store.putPending(scope, documentFor(scope));
    await store.moveCurrent(scope, { from: null, to: next.version, previous: null });

    expect(await readBare(scope)).toBe(await textOfVersion(scope, next.version));
  });
});

describe('a put under the bare name', () => {
  test.each([false, true])('whose answer is lost is found by the next try (of another executor: %s)', async (other) => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    proxy.plant({ kind: 'lose-answer' }, barePut(scope));
    proxy.requests.length = 0;

    expect(await errorOf(store.moveCurrent(scope, forward(old, pending)))).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      facts: { outcome: 'unknown' },
    });
    // Consumers read it already, whatever the label says.
    expect(await store.read(scope, 'current')).toMatchObject({ version: pending, labels: ['current', 'pending'] });
    const next = other ? await fixture.takeOver(scope) : scope;
    expect(await store.moveCurrent(next, forward(old, pending))).toEqual({ current: pending });

    expect(barePuts(scope)).toBe(1);
    expect(await labelsOf(fixture, scope)).toEqual({ previous: old, current: pending });
  });

  test('that may still arrive is the only one, and after it has settled there is one more', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    proxy.plant({ kind: 'reset' }, barePut(scope));
    proxy.requests.length = 0;
    await errorOf(store.moveCurrent(scope, forward(old, pending)));

    const next = await fixture.takeOver(scope);
    expect(await errorOf(store.moveCurrent(next, forward(old, pending)))).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      facts: { outcome: 'none' },
    });
    expect(barePuts(scope)).toBe(1);

    await settle(scope);
    expect(await store.moveCurrent(next, forward(old, pending))).toEqual({ current: pending });
    expect(barePuts(scope)).toBe(2);
  });

  test.each([throttling, { kind: 'refuse', error: 'TooManyUpdates' } as const])(
    'and refused for a moment is put by the next try: %o',
    async (fault) => {
      const { store, proxy } = fixture;
      const { scope, old, pending } = await staged(fixture);
      proxy.plant(fault, { ...barePut(scope), times: 2 });
      for (let times = 0; times < 2; times += 1)
        expect(await errorOf(store.moveCurrent(scope, forward(old, pending)))).toMatchObject({
          code: 'STORE_UNAVAILABLE',
          facts: { outcome: 'none' },
        });

      expect(await store.moveCurrent(scope, forward(old, pending))).toEqual({ current: pending });
      expect(await labelsOf(fixture, scope)).toEqual({ previous: old, current: pending });
    },
  );

  test('and denied names the permission, and consumers read what they read', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    proxy.plant(denied('ssm:PutParameter'), barePut(scope));

    expect(await errorOf(store.moveCurrent(scope, forward(old, pending)))).toMatchObject({ code: 'STORE_DENIED' });

    expect(await store.read(scope, 'current')).toMatchObject({ version: old });
    expect(await labelsOf(fixture, scope)).toMatchObject({ current: old, pending });
  });

  test('by an executor that loses the lease before it leaves is none', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    proxy.plant(
      { kind: 'first', does: async () => fixture.expire(scope) },
      { operation: 'GetParameterHistory', when: (request) => isLabelled(scope) && ofBare(scope)(request) },
    );
    proxy.requests.length = 0;

    expect(await errorOf(store.moveCurrent(scope, forward(old, pending)))).toMatchObject({ code: 'STORE_STALE' });

    expect(barePuts(scope)).toBe(0);
    expect(await readBare(scope)).toBe(await textOfVersion(scope, old));
  });

  test('is read back until it shows', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    const when = (request: ProxiedRequest): boolean => ofBare(scope)(request) && barePuts(scope) > 0;
    for (const operation of ['GetParameter', 'GetParameterHistory'])
      proxy.plant({ kind: 'stale' }, { operation, when, times: 2 });
    proxy.requests.length = 0;

    expect(await store.moveCurrent(scope, forward(old, pending))).toEqual({ current: pending });

    expect(barePuts(scope)).toBe(1);
  });
});

/** True once `previous` was moved: the put is next. */
const isLabelled = (scope: Scope): boolean =>
  fixture.proxy.requests.some(
    ({ operation, input }) => operation === 'LabelParameterVersion' && input['Name'] === fixture.nameOf(scope),
  );

describe('on the way back', () => {
  test('a promotion that arrives late is taken back by one put', async () => {
    const { store, proxy } = fixture;
    const other = fixture.anotherWorker();
    const { scope, old, pending } = await staged(fixture);
    const { held, landed, release } = proxy.hold(barePut(scope));
    const paused = errorOf(store.moveCurrent(scope, forward(old, pending)));
    await held;
    const next = await fixture.takeOver(scope);
    const back = { from: pending, to: old, previous: null };

    // Nothing has moved, and nothing is put while the promotion may still arrive.
    expect(await other.moveCurrent(next, { ...back, from: old })).toEqual({ current: old });
    proxy.requests.length = 0;
    release();
    await landed;
    expect(await paused).toMatchObject({ code: 'STORE_STALE' });
    expect(await other.read(next, 'current')).toMatchObject({ version: pending });
    expect(await other.moveCurrent(next, { ...back, from: old })).toEqual({ current: pending });
    expect(await other.moveCurrent(next, back)).toEqual({ current: old });

    expect(barePuts(scope)).toBe(1);
    expect(await readBare(scope)).toBe(await textOfVersion(scope, old));
    await other.retirePending(next, pending);
    expect(await labelsOf(fixture, scope)).toEqual({ current: old });
  });

  test('a put that may still arrive is not taken for the promotion that was seen', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    proxy.plant({ kind: 'lose-answer' }, barePut(scope));
    await errorOf(store.moveCurrent(scope, forward(old, pending)));
    const back = { from: pending, to: old, previous: null };
    proxy.plant({ kind: 'reset' }, barePut(scope));
    proxy.requests.length = 0;
    for (let times = 0; times < 3; times += 1) await errorOf(store.moveCurrent(scope, back));
    expect(barePuts(scope)).toBe(1);

    await settle(scope);
    expect(await store.moveCurrent(scope, back)).toEqual({ current: old });

    expect(barePuts(scope)).toBe(2);
    expect(await readBare(scope)).toBe(await textOfVersion(scope, old));
  });

  test('a label of this rotation that arrives late goes where the bare name is', async () => {
    const { store } = fixture;
    const { scope, old, pending, back } = await promoted();
    await store.moveCurrent(scope, back);
    await labelByHand(fixture, scope, { label: 'current', version: pending });

    expect(await store.read(scope, 'current')).toMatchObject({ version: old });
    expect(await store.moveCurrent(scope, { ...back, from: old })).toEqual({ current: old });

    expect(await labelsOf(fixture, scope)).toEqual({ current: old });
    expect(barePuts(scope)).toBe(1);
  });
});

describe('a value that somebody else puts under the bare name', () => {
  test('is told by every read of current and by a preflight, and nothing is put over it', async () => {
    const { store } = fixture;
    const { scope, old, pending } = await staged(fixture);
    const theirs = await putByHand(bare(), scope);
    const told = { code: 'FOREIGN_VERSION', class: 'park', facts: { version: theirs } };
    fixture.proxy.requests.length = 0;

    expect(await errorOf(store.read(scope, 'current'))).toMatchObject(told);
    expect(await errorOf(store.preflight(scope, old))).toMatchObject(told);
    expect(await errorOf(store.moveCurrent(scope, forward(old, pending)))).toMatchObject(told);

    expect(barePuts(scope)).toBe(0);
    expect(await readBare(scope)).toContain('theirs');
  });

  test('between our two calls is not written over either', async () => {
    const { store, proxy } = fixture;
    const { scope, old, pending } = await staged(fixture);
    proxy.plant(
      { kind: 'first', does: async () => void (await putByHand(bare(), scope)) },
      { operation: 'LabelParameterVersion' },
    );
    proxy.requests.length = 0;

    expect(await errorOf(store.moveCurrent(scope, forward(old, pending)))).toMatchObject({ code: 'FOREIGN_VERSION' });

    expect(barePuts(scope)).toBe(0);
    expect(await readBare(scope)).toContain('theirs');
    expect(await labelsOf(fixture, scope)).toMatchObject({ current: old });
  });

  test('between our two calls and is one of before is told as current', async () => {
    const { store, proxy } = fixture;
    const { scope: before, old, pending } = await promoted();
    const scope = await fixture.begin(before.plan.secret);
    const { version } = await store.putPending(scope, documentFor(scope));
    const earlier = await textOfVersion(scope, old);
    proxy.plant(
      { kind: 'first', does: async () => void (await putByHand(bare(), scope, earlier)) },
      { operation: 'LabelParameterVersion' },
    );

    expect(await store.moveCurrent(scope, forward(pending, version))).toEqual({ current: old });

    expect(barePuts(scope)).toBe(0);
    expect(await readBare(scope)).toBe(earlier);
  });

  test('after a promotion is no promotion of ours', async () => {
    const { store } = fixture;
    const { scope, back } = await promoted();
    await putByHand(bare(), scope);

    expect(await errorOf(store.read(scope, 'current'))).toMatchObject({ code: 'FOREIGN_VERSION' });
    expect(await errorOf(store.moveCurrent(scope, back))).toMatchObject({ code: 'FOREIGN_VERSION' });
  });

  test('and is one of before is what consumers read, whatever the label says', async () => {
    const { store } = fixture;
    const { scope, old, pending } = await promoted();
    await putByHand(bare(), scope, await textOfVersion(scope, old));

    expect(await store.read(scope, 'current')).toMatchObject({ version: old });
    const next = await fixture.begin(scope.plan.secret);
    expect(await store.preflight(next, old)).toMatchObject([
      { sentence: expect.stringContaining(`the label current is on version ${pending}`) as string },
    ]);
    const put = await store.putPending(next, documentFor(next));
    expect(await store.moveCurrent(next, forward(old, put.version))).toEqual({ current: pending });
  });
});
