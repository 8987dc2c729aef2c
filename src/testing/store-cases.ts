import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { renderCredential } from '../core/credential.js';
import { isKeyturnError } from '../core/errors.js';
import { Secret, sameSecret } from '../core/secret.js';
import type { Bound, Label, Scope, StorePort } from '../ports/step-ports.js';

/** What the cases need of a parameter store under test. */
export interface StoreHarness {
  readonly store: Bound<StorePort>;
  /** Names a secret that the store may hold and nobody has used: `environment:/path`. */
  readonly freshSecret: () => Promise<string>;
  /** A new rotation of the secret, with its lease; an earlier one has ended. */
  readonly begin: (secret: string) => Promise<Scope>;
  /** Another executor takes the rotation over; the scope given has lost the lease. */
  readonly takeOver: (scope: Scope) => Promise<Scope>;
  /** The lease runs out, and nobody takes it. */
  readonly expire: (scope: Scope) => Promise<void>;
  /** The executor gives its lease back, as it does when its rotation has ended, and nobody takes it. */
  readonly giveBack: (scope: Scope) => Promise<void>;
}

/** One obligation of a parameter store. */
export interface StoreCase {
  /** States a fact, for the name of a test. */
  readonly name: string;
  /** True for what only a store can promise that refuses the writes of an executor that lost its lease. */
  readonly fenced: boolean;
  /** Rejects where the obligation is not met. */
  readonly run: (harness: StoreHarness) => Promise<void>;
}

/** What every parameter store owes the engine. Run each with any test runner; each uses a secret of its own. */
export const storeCases: readonly StoreCase[] = [
  always('a secret without versions reads as null', async ({ store, freshSecret, begin }) => {
    const scope = await begin(await freshSecret());

    for (const selector of ['pending', 'current', 'previous', 1, 0, -1, 1.5, 2 ** 40] as const) {
      assert.equal(await store.read(scope, selector), null);
    }
    assert.deepEqual(await store.preflight(scope, null), []);
  }),

  always('a preflight that was told another label than there is has all read again', async (harness) => {
    const { store } = harness;
    const { scope, old, pending } = await staged(harness);

    assert.deepEqual(await store.preflight(scope, old), []);
    for (const seen of [null, pending]) await refuses('STORE_UNAVAILABLE', async () => store.preflight(scope, seen));
  }),

  always('what was put is read back by its label and by its number', async ({ store, freshSecret, begin }) => {
    const scope = await begin(await freshSecret());
    const value = documentFor(scope);

    const { version, digest } = await store.putPending(scope, value);

    for (const selector of ['pending', version] as const) {
      const read = await store.read(scope, selector);
      assert.ok(read !== null && sameSecret(read.value, value));
      assert.deepEqual(
        { version: read.version, digest: read.digest, rotationId: read.rotationId, labels: read.labels },
        { version, digest, rotationId: scope.plan.rotationId, labels: ['pending'] },
      );
    }
  }),

  always('putting again answers the version put before, whatever the value', async ({ store, freshSecret, begin }) => {
    const scope = await begin(await freshSecret());
    const value = documentFor(scope);
    const first = await store.putPending(scope, value);

    assert.deepEqual(await store.putPending(scope, value), first);
    assert.deepEqual(await store.putPending(scope, documentFor(scope)), first);

    const read = await store.read(scope, 'pending');
    assert.ok(read !== null && sameSecret(read.value, value));
    assert.equal(await store.read(scope, first.version + 1), null);
  }),

  always('ten puts at once make one version', async ({ store, freshSecret, begin }) => {
    const scope = await begin(await freshSecret());

    const puts = await Promise.all(Array.from({ length: 10 }, async () => store.putPending(scope, documentFor(scope))));

    assert.equal(new Set(puts.map(({ version }) => version)).size, 1);
    assert.equal(new Set(puts.map(({ digest }) => digest)).size, 1);
    assert.equal(await store.read(scope, (puts[0]?.version ?? 0) + 1), null);
  }),

  always('the same put many times at once makes one version', async ({ store, freshSecret, begin }) => {
    const scope = await begin(await freshSecret());
    const document = documentFor(scope);

    const puts = await Promise.all(Array.from({ length: 8 }, async () => store.putPending(scope, document)));

    assert.equal(new Set(puts.map(({ version }) => version)).size, 1);
    assert.equal(await store.read(scope, (puts[0]?.version ?? 0) + 1), null);
  }),

  always(
    'another executor of the rotation finds the version put before',
    async ({ store, freshSecret, ...harness }) => {
      const scope = await harness.begin(await freshSecret());
      const first = await store.putPending(scope, documentFor(scope));

      assert.deepEqual(await store.putPending(await harness.takeOver(scope), documentFor(scope)), first);
    },
  ),

  always('a first promotion puts current and leaves previous nowhere', async ({ store, freshSecret, begin }) => {
    const scope = await begin(await freshSecret());
    const { version } = await store.putPending(scope, documentFor(scope));

    assert.deepEqual(await store.moveCurrent(scope, { from: null, to: version, previous: null }), { current: version });

    assert.deepEqual(await labels(store, scope), { pending: null, current: version, previous: null });
  }),

  always('a promotion puts previous where it is told and takes pending off', async (harness) => {
    const { scope, old, pending } = await staged(harness);

    assert.deepEqual(await harness.store.moveCurrent(scope, { from: old, to: pending, previous: old }), {
      current: pending,
    });

    assert.deepEqual(await labels(harness.store, scope), { pending: null, current: pending, previous: old });
    assert.ok(pending > old);
  }),

  always('staging moves no label but pending', async (harness) => {
    const { scope, old, pending } = await staged(harness);

    assert.deepEqual(await labels(harness.store, scope), { pending, current: old, previous: null });
  }),

  always('promoting again is harmless', async (harness) => {
    const { scope, old, pending } = await staged(harness);
    await harness.store.moveCurrent(scope, { from: old, to: pending, previous: old });

    assert.deepEqual(await harness.store.moveCurrent(scope, { from: old, to: pending, previous: old }), {
      current: pending,
    });

    assert.deepEqual(await labels(harness.store, scope), { pending: null, current: pending, previous: old });
  }),

  always('putting again after the promotion brings pending not back', async (harness) => {
    const { scope, old, pending } = await staged(harness);
    await harness.store.moveCurrent(scope, { from: old, to: pending, previous: old });

    assert.equal((await harness.store.putPending(scope, documentFor(scope))).version, pending);

    assert.deepEqual(await labels(harness.store, scope), { pending: null, current: pending, previous: old });
  }),

  always('a promotion from where current is not moves nothing and says where it is', async (harness) => {
    const { scope, old, pending } = await staged(harness);

    assert.deepEqual(await harness.store.moveCurrent(scope, { from: null, to: pending, previous: null }), {
      current: old,
    });

    assert.deepEqual(await labels(harness.store, scope), { pending, current: old, previous: null });
  }),

  always('a promotion that finds current there already does the rest', async (harness) => {
    const { scope, old, pending } = await staged(harness);
    await harness.store.moveCurrent(scope, { from: old, to: pending, previous: null });

    assert.deepEqual(await harness.store.moveCurrent(scope, { from: old, to: pending, previous: old }), {
      current: pending,
    });

    assert.deepEqual(await labels(harness.store, scope), { pending: null, current: pending, previous: old });
  }),

  always('current is not put on a version that is not there', async (harness) => {
    const { scope, old, pending } = await staged(harness);

    await assert.rejects(async () => harness.store.moveCurrent(scope, { from: old, to: pending + 1, previous: old }));

    assert.deepEqual(await labels(harness.store, scope), { pending, current: old, previous: null });
  }),

  always('current goes back to where it was', async (harness) => {
    const { scope, old, pending } = await staged(harness);
    await harness.store.moveCurrent(scope, { from: old, to: pending, previous: old });

    const back = { from: pending, to: old, previous: null };
    assert.deepEqual(await harness.store.moveCurrent(scope, back), { current: old });
    assert.deepEqual(await harness.store.moveCurrent(scope, back), { current: old });

    assert.deepEqual(await labels(harness.store, scope), { pending: null, current: old, previous: null });
  }),

  always('current of a first version goes back to nowhere', async ({ store, freshSecret, begin }) => {
    const scope = await begin(await freshSecret());
    const { version } = await store.putPending(scope, documentFor(scope));
    await store.moveCurrent(scope, { from: null, to: version, previous: null });

    assert.deepEqual(await store.moveCurrent(scope, { from: version, to: null, previous: null }), { current: null });
    assert.deepEqual(await store.moveCurrent(scope, { from: version, to: null, previous: null }), { current: null });

    assert.equal(await store.read(scope, 'current'), null);
  }),

  always('a retired pending version keeps its number and loses its label', async (harness) => {
    const { scope, old, pending } = await staged(harness);

    await harness.store.retirePending(scope, pending);
    await harness.store.retirePending(scope, pending);

    assert.deepEqual(await labels(harness.store, scope), { pending: null, current: old, previous: null });
    assert.deepEqual((await harness.store.read(scope, pending))?.labels, []);
  }),

  always('retiring another version leaves pending where it is', async (harness) => {
    const { scope, old, pending } = await staged(harness);

    await harness.store.retirePending(scope, old);

    assert.deepEqual(await labels(harness.store, scope), { pending, current: old, previous: null });
  }),

  always('two secrets know nothing of each other', async ({ store, freshSecret, begin }) => {
    const one = await begin(await freshSecret());
    const other = await begin(await freshSecret());
    await store.putPending(one, documentFor(one));

    assert.equal(await store.read(other, 'pending'), null);
    assert.equal(await store.read(other, 1), null);
  }),

  always('digests tell values apart', async (harness) => {
    const { scope, old, pending } = await staged(harness);

    const digests = [await harness.store.read(scope, old), await harness.store.read(scope, pending)].map(
      (read) => read?.digest,
    );

    assert.equal(new Set(digests).size, 2);
    for (const digest of digests) assert.match(digest ?? '', /^[0-9a-f]{32}$/);
  }),

  always('a value that is empty, short or redacted is refused', async ({ store, freshSecret, begin }) => {
    const scope = await begin(await freshSecret());

    for (const value of ['', 'short', '[secret]', '****************', 'a-[redacted]-long-value']) {
      await refuses('VALUE_UNFIT', async () => store.putPending(scope, rendered(scope, value)));
    }
    await refuses('VALUE_UNFIT', async () => store.putPending(scope, Secret.fromText('no credential at all')));

    assert.equal(await store.read(scope, 'pending'), null);
  }),

  always('of a hundred versions the oldest goes, unless it has a label', async ({ store, freshSecret, begin }) => {
    const secret = await freshSecret();
    let scope = await begin(secret);
    const numbers: number[] = [];
    const put = async (): Promise<void> => {
      scope = await begin(secret);
      numbers.push((await store.putPending(scope, documentFor(scope))).version);
    };
    for (let count = 0; count < 101; count += 1) await put();
    const second = numbers[1] ?? 0;
    assert.equal(await store.read(scope, numbers[0] ?? 0), null);
    assert.notEqual(await store.read(scope, second), null);
    assert.deepEqual(await store.preflight(scope, null), []);
    await store.moveCurrent(scope, { from: null, to: second, previous: null });

    await refuses('VERSION_LIMIT', put);

    const findings = await store.preflight(scope, second);
    assert.equal(findings.length, 1);
    assert.ok(findings.every(({ sentence, cure }) => sentence !== '' && cure !== ''));
    assert.deepEqual((await store.read(scope, 'current'))?.version, second);
    assert.deepEqual((await store.read(scope, 'pending'))?.version, numbers.at(-1));
  }),

  fenced('an executor that was taken over writes nothing', async (harness) => {
    const { scope, old, pending } = await staged(harness);
    await harness.takeOver(scope);

    await refusesEveryWrite(harness, scope, { old, pending });
  }),

  fenced('an executor whose lease ran out writes nothing', async (harness) => {
    const { scope, old, pending } = await staged(harness);
    await harness.expire(scope);

    await refusesEveryWrite(harness, scope, { old, pending });
  }),

  fenced(
    'an executor that has given its lease back writes nothing: what it sent before may arrive late',
    async (harness) => {
      const { scope, old, pending } = await staged(harness);
      await harness.giveBack(scope);

      await refusesEveryWrite(harness, scope, { old, pending });
    },
  ),

  fenced('an executor that was taken over puts no first version', async ({ store, freshSecret, begin, takeOver }) => {
    const scope = await begin(await freshSecret());
    await takeOver(scope);

    await refuses('STORE_STALE', async () => store.putPending(scope, documentFor(scope)));

    assert.equal(await store.read(scope, 'pending'), null);
    assert.equal(await store.read(scope, 1), null);
  }),

  fenced('the executor of an earlier rotation writes nothing', async (harness) => {
    const { scope, old, pending } = await staged(harness);
    await harness.begin(scope.plan.secret);

    await refusesEveryWrite(harness, scope, { old, pending });
  }),
];

type Run = StoreCase['run'];

function always(name: string, run: Run): StoreCase {
  return { name, fenced: false, run };
}

function fenced(name: string, run: Run): StoreCase {
  return { name, fenced: true, run };
}

/** A secret with a current version, and a rotation that has staged the next. */
async function staged({ store, freshSecret, begin }: StoreHarness) {
  const secret = await freshSecret();
  const first = await begin(secret);
  const { version: old } = await store.putPending(first, documentFor(first));
  await store.moveCurrent(first, { from: null, to: old, previous: null });
  const scope = await begin(secret);
  const { version: pending } = await store.putPending(scope, documentFor(scope));
  return { scope, old, pending };
}

/** A credential as a rotation would store it, with a value never used before. */
function documentFor(scope: Scope): Secret {
  return rendered(scope, randomBytes(24).toString('base64url'));
}

function rendered({ plan }: Scope, value: string): Secret {
  return renderCredential({ identity: 'app_a', value: Secret.fromText(value) }, plan.fields);
}

async function labels(store: StoreHarness['store'], scope: Scope): Promise<Record<Label, number | null>> {
  const at = async (label: Label): Promise<number | null> => (await store.read(scope, label))?.version ?? null;
  return { pending: await at('pending'), current: await at('current'), previous: await at('previous') };
}

async function refusesEveryWrite(
  { store }: StoreHarness,
  scope: Scope,
  { old, pending }: { readonly old: number; readonly pending: number },
): Promise<void> {
  const before = await labels(store, scope);

  await refuses('STORE_STALE', async () => store.putPending(scope, documentFor(scope)));
  await refuses('STORE_STALE', async () => store.moveCurrent(scope, { from: old, to: pending, previous: old }));
  await refuses('STORE_STALE', async () => store.retirePending(scope, pending));

  assert.deepEqual(await labels(store, scope), before);
}

async function refuses(code: string, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    assert.equal(isKeyturnError(error) ? error.code : error, code);
    return;
  }
  assert.fail(`expected ${code}, and it was done`);
}
