import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { denied, throttling } from '../../support/ssm/fault-proxy.js';
import { type SsmFixture, settleMs, ssmFixture } from './ssm-fixture.js';
import { documentFor, errorOf, putByHand, staged, versionsOf } from './ssm-words.js';

let fixture: SsmFixture;

beforeAll(async () => {
  fixture = await ssmFixture();
});

afterAll(() => fixture.close());

afterEach(() => {
  fixture.proxy.heal();
  fixture.proxy.aheadMs = 0;
  fixture.proxy.requests.length = 0;
  vi.useRealTimers();
});

/** The time in which a put may still arrive is over. */
const settle = async (secret: string): Promise<void> => {
  await fixture.pool.query(
    `UPDATE keyturn.store_puts SET sent_at = sent_at - $2 * interval '1 millisecond' WHERE secret = $1`,
    [secret, settleMs],
  );
};

const begin = async () => fixture.begin(await fixture.freshSecret());

describe('a put whose answer is lost', () => {
  test('is found by the next try, and there is one version', async () => {
    const { store, proxy } = fixture;
    const scope = await begin();
    proxy.plant({ kind: 'lose-answer' }, { operation: 'PutParameter' });

    expect(await errorOf(store.putPending(scope, documentFor(scope)))).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      facts: { outcome: 'unknown' },
    });
    const { version } = await store.putPending(scope, documentFor(scope));

    expect(proxy.count('PutParameter')).toBe(1);
    expect((await versionsOf(fixture, scope)).map(({ Version }) => Version)).toEqual([version]);
  });

  test('is found by another executor too', async () => {
    const { store, proxy } = fixture;
    const scope = await begin();
    proxy.plant({ kind: 'lose-answer' }, { operation: 'PutParameter' });
    await errorOf(store.putPending(scope, documentFor(scope)));

    const next = await fixture.takeOver(scope);
    await store.putPending(next, documentFor(next));

    expect(proxy.count('PutParameter')).toBe(1);
    expect(await versionsOf(fixture, scope)).toHaveLength(1);
  });
});

test.each([
  ['a reset connection', { kind: 'reset' } as const],
  ['a 500', { kind: 'refuse', error: 'InternalServerError', status: 500 } as const],
  ['a 503 of a proxy', { kind: 'refuse', error: '', status: 503 } as const],
])('after %s a put is sent no second time before it is settled, and then once', async (_, fault) => {
  const { store, proxy } = fixture;
  const scope = await begin();
  proxy.plant(fault, { operation: 'PutParameter' });
  expect(await errorOf(store.putPending(scope, documentFor(scope)))).toMatchObject({
    code: 'STORE_UNAVAILABLE',
    facts: { outcome: 'unknown' },
  });

  // Nothing was sent by these, so the engine need not wait for them.
  for (const executor of [scope, await fixture.takeOver(scope)]) {
    const { code, facts } = await errorOf(store.putPending(executor, documentFor(executor)));
    if (executor === scope) expect(code).toBe('STORE_STALE');
    else expect({ code, facts }).toMatchObject({ code: 'STORE_UNAVAILABLE', facts: { outcome: 'none' } });
  }
  expect(proxy.count('PutParameter')).toBe(1);

  await settle(scope.plan.secret);
  const last = await fixture.takeOver(scope);
  await store.putPending(last, documentFor(last));
  expect(proxy.count('PutParameter')).toBe(2);
  expect(await versionsOf(fixture, scope)).toHaveLength(1);
});

test('a put that arrives late is adopted, and none is put beside it', async () => {
  const { store, proxy } = fixture;
  const other = fixture.anotherWorker();
  const scope = await begin();
  const { held, landed, release } = proxy.hold({ operation: 'PutParameter' });
  const paused = errorOf(store.putPending(scope, documentFor(scope)));
  await held;
  const next = await fixture.takeOver(scope);
  expect(await errorOf(other.putPending(next, documentFor(next)))).toMatchObject({ code: 'STORE_UNAVAILABLE' });

  release();
  await landed;
  // The one who had lost the lease has its answer now, and writes nothing more.
  expect(await paused).toMatchObject({ code: 'STORE_STALE' });
  const { version } = await other.putPending(next, documentFor(next));

  expect((await versionsOf(fixture, scope)).map(({ Version, Labels }) => ({ Version, Labels }))).toEqual([
    { Version: version, Labels: ['pending'] },
  ]);
});

test('a thousand throttled puts add one version', async () => {
  const { store, proxy } = fixture;
  const { scope: before } = await staged(fixture);
  const scope = await fixture.begin(before.plan.secret);
  proxy.requests.length = 0;
  proxy.plant(throttling, { operation: 'PutParameter', times: 1_000 });
  const document = documentFor(scope);
  let throttled = 0;
  for (let isPut = false; !isPut; ) {
    try {
      // Each try is of an intent of its own, as the engine would have it.
      await store.putPending({ ...scope, nowMs: Date.now() }, document);
      isPut = true;
    } catch (error) {
      expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', facts: { outcome: 'none' } });
      throttled += 1;
    }
  }

  expect(throttled).toBe(1_000);
  expect(proxy.count('PutParameter')).toBe(1_001);
  expect(await versionsOf(fixture, scope)).toHaveLength(3);
});

test.each(['ThrottlingException', 'TooManyUpdates', 'ExpiredTokenException'])(
  'a put refused with %s may be tried again at once',
  async (error) => {
    const { store, proxy } = fixture;
    const scope = await begin();
    proxy.plant({ kind: 'refuse', error }, { operation: 'PutParameter' });

    expect(await errorOf(store.putPending(scope, documentFor(scope)))).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      class: 'retry',
      facts: { outcome: 'none' },
    });
    await store.putPending(scope, documentFor(scope));

    expect(await versionsOf(fixture, scope)).toHaveLength(1);
  },
);

const inKms = (action: string) =>
  `User: arn:aws:sts::123456789012:assumed-role/keyturn/w is not authorized to perform: ${action} on this resource`;

test.each([
  [denied('ssm:PutParameter'), { code: 'STORE_DENIED', facts: { action: 'ssm:PutParameter' } }],
  [
    { kind: 'refuse', error: 'AccessDeniedException', message: inKms('kms:Encrypt') } as const,
    { code: 'KEYRING_ACCESS_DENIED', facts: { action: 'kms:Encrypt' } },
  ],
  [
    { kind: 'refuse', error: 'InvalidKeyId', message: 'arn:aws:kms:… is disabled.' } as const,
    { code: 'KEYRING_KEY_DISABLED' },
  ],
  [
    { kind: 'refuse', error: 'InvalidKeyId', message: 'arn:aws:kms:… is pending deletion.' } as const,
    { code: 'KEYRING_KEY_PENDING_DELETION' },
  ],
  [{ kind: 'refuse', error: 'InvalidKeyId' } as const, { code: 'KEYRING_KEY_UNUSABLE' }],
  [{ kind: 'refuse', error: 'ParameterMaxVersionLimitExceeded' } as const, { code: 'VERSION_LIMIT' }],
  [{ kind: 'refuse', error: 'ParameterLimitExceeded' } as const, { code: 'STORE_DENIED' }],
])('a refused put says why: %o', async (fault, expected) => {
  const { store, proxy } = fixture;
  const scope = await begin();
  proxy.plant(fault, { operation: 'PutParameter' });

  const found = await errorOf(store.putPending(scope, documentFor(scope)));

  expect(found).toMatchObject(expected);
  expect(found.class).not.toBe('retry');
  expect(await fixture.sends.unsettledMs(scope)).toBe(0);
  expect(await versionsOf(fixture, scope)).toEqual([]);
});

test('the lease is looked at between signing and sending', async () => {
  const { store, proxy } = fixture;
  const scope = await begin();
  // It was held when the call began, and the history was read.
  proxy.plant({ kind: 'first', does: async () => fixture.expire(scope) }, { operation: 'GetParameterHistory' });

  expect(await errorOf(store.putPending(scope, documentFor(scope)))).toMatchObject({ code: 'STORE_STALE' });

  expect(proxy.count('PutParameter')).toBe(0);
  expect(await fixture.sends.unsettledMs(scope)).toBe(0);
});

/** `20261128T181500Z` */
const signedAtMs = (text: string): number =>
  Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));

describe('a clock that is wrong', () => {
  test('of the worker sends nothing', async () => {
    const { store, proxy } = fixture;
    const scope = await begin();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 20_000 });

    const { code, facts } = await errorOf(store.putPending(scope, documentFor(scope)));

    expect(code).toBe('CLOCK_SKEWED');
    expect((facts as { skewMs: number }).skewMs).toBeGreaterThan(10_000);
    expect(proxy.count('PutParameter')).toBe(0);
    expect(await fixture.sends.unsettledMs(scope)).toBe(0);
  });

  test('of the store sends nothing', async () => {
    const { store, proxy } = fixture;
    const scope = await begin();
    proxy.aheadMs = -20_000;

    expect(await errorOf(store.putPending(scope, documentFor(scope)))).toMatchObject({ code: 'CLOCK_SKEWED' });

    expect(proxy.count('PutParameter')).toBe(0);
  });

  test('is never corrected: what was signed stays as old as it is', async () => {
    const { store, proxy } = fixture;
    const scope = await begin();
    proxy.aheadMs = 900_000;
    for (let times = 0; times < 3; times += 1) await errorOf(store.putPending(scope, documentFor(scope)));
    await store.read(scope, 'current');

    const signed = proxy.requests.map(({ headers }) => signedAtMs(String(headers['x-amz-date'])));
    expect(signed.length).toBeGreaterThan(4);
    for (const atMs of signed) expect(Math.abs(atMs - Date.now())).toBeLessThan(600_000);
  });

  test('makes no write of an intent that is too old to be dead in time', async () => {
    const { store, proxy } = fixture;
    const scope = await begin();

    const old = { ...scope, nowMs: scope.nowMs - 60_000 };

    expect(await errorOf(store.putPending(old, documentFor(scope)))).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      facts: { outcome: 'none' },
    });
    expect(proxy.count('PutParameter')).toBe(0);
    await store.putPending(scope, documentFor(scope));
  });
});

test('reads are tried again by the SDK, writes never', async () => {
  const { store, proxy } = fixture;
  const scope = await begin();
  proxy.plant(throttling, { operation: 'GetParameterHistory', times: 2 });
  proxy.plant({ kind: 'refuse', error: 'InternalServerError', status: 500 }, { operation: 'LabelParameterVersion' });

  expect(await errorOf(store.putPending(scope, documentFor(scope)))).toMatchObject({ code: 'STORE_UNAVAILABLE' });

  expect(proxy.count('GetParameterHistory')).toBe(3);
  expect(proxy.count('LabelParameterVersion')).toBe(1);
  expect(proxy.count('PutParameter')).toBe(1);
});

describe('a version that somebody else puts', () => {
  test('right before ours takes the number, and ours stays the one that is staged', async () => {
    const { store, proxy } = fixture;
    const { scope: before, old } = await staged(fixture);
    const scope = await fixture.begin(before.plan.secret);
    let theirs = 0;
    proxy.plant(
      { kind: 'first', does: async () => void (theirs = await putByHand(fixture, scope)) },
      { operation: 'PutParameter' },
    );

    const { version } = await store.putPending(scope, documentFor(scope));

    expect(theirs).toBe(old + 2);
    expect(version).toBe(theirs + 1);
    expect(await store.read(scope, 'pending')).toMatchObject({ version, rotationId: scope.plan.rotationId });
    expect(await store.read(scope, theirs)).toMatchObject({ rotationId: null, labels: [] });
    expect(await store.read(scope, 'current')).toMatchObject({ version: old });
  });

  test('with the description of ours is not taken for ours', async () => {
    const { store } = fixture;
    const { scope, pending } = await staged(fixture);
    const theirs = await putByHand(fixture, scope);

    expect(await store.read(scope, theirs)).toMatchObject({ rotationId: null });
    expect((await store.putPending(scope, documentFor(scope))).version).toBe(pending);
  });
});

test('what an operator wrote into the description stays', async () => {
  const { store } = fixture;
  const scope = await begin();
  await fixture.ssm.byHand.send(
    new PutParameterCommand({
      Name: fixture.nameOf(scope),
      Value: 'a value of before',
      Type: 'SecureString',
      Description: 'The database of billing. Ask the platform team.',
    }),
  );
  const { version } = await store.putPending(scope, documentFor(scope));
  const next = await fixture.begin(scope.plan.secret);
  await store.putPending(next, documentFor(next));

  const [, first, second] = (await versionsOf(fixture, scope)).map(({ Description }) => Description);
  expect(version).toBe(2);
  for (const description of [first, second])
    expect(description).toMatch(
      /^The database of billing\. Ask the platform team\. \[keyturn rotation \S+ [0-9a-f]{32}\]$/,
    );
});
