import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { Capabilities, Credential, EndpointAnswer } from '../contract/rotator.js';
import { isKeyturnError } from '../core/errors.js';
import { Secret, openSecret } from '../core/secret.js';
import { type Play, type RotatorCase, type RotatorHarness, play, secrets } from './rotator-harness.js';

export type { RotatorCase, RotatorHarness, RotatorStage } from './rotator-harness.js';

interface Obligation {
  readonly name: string;
  /** Absent: it binds every rotator. */
  readonly where?: (capabilities: Capabilities) => boolean;
  readonly act: (on: Play<unknown>) => Promise<void>;
}

/**
 * What every rotator owes the engine, chosen by what it says it can do. Run each with any test runner, against the real
 * target: each sets up a stage of its own.
 */
export function rotatorCases<Config>(harness: RotatorHarness<Config>): readonly RotatorCase[] {
  return [...obligations, ...fenceObligations, ...twoLiveObligations]
    .filter(({ where }) => where?.(harness.capabilities) ?? true)
    .map(({ name, act }) => ({
      name,
      run: async () =>
        play(harness, async (on) => {
          assert.deepEqual(harness.rotator.capabilities(on.stage.config), harness.capabilities);
          await act(on);
        }),
    }));
}

const isTwoLive = ({ overlap }: Capabilities): boolean => overlap === 'two-live';

/** Every endpoint gave one of these answers, and there is one. */
function assertAnswers(answers: readonly EndpointAnswer[], ...wanted: readonly EndpointAnswer['answer'][]): void {
  assert.notEqual(answers.length, 0, 'no endpoint answered');
  for (const { endpoint, answer, reason } of answers) {
    assert.ok(wanted.includes(answer), `${endpoint}: ${answer} (${reason ?? 'no reason'}), not ${wanted.join(' or ')}`);
  }
}

async function assertAccepted({ connection, ctx }: Play<unknown>, credential: Credential): Promise<void> {
  assertAnswers(await connection.probe(credential, ctx('r9')), 'accepted');
  assertAnswers(await connection.verify(credential, ctx('r9')), 'accepted');
}

async function assertDead({ connection, ctx }: Play<unknown>, credential: Credential): Promise<void> {
  assertAnswers(await connection.probe(credential, ctx('r9')), 'refused', 'absent');
}

async function assertCode(code: string, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isKeyturnError(error), `it threw something that is not of the catalogue: ${inspect(error)}`);
    assert.equal(error.code, code);
    return true;
  });
}

const stranger = (identity: string): Credential => ({
  identity,
  value: Secret.fromText('a-value-that-nobody-was-given'),
});

const obligations: readonly Obligation[] = [
  {
    name: 'the new credential is accepted, and another value is not',
    async act(on) {
      const made = await on.make('r1');
      await assertAccepted(on, made);
      await assertDead(on, stranger(made.identity));
      assertAnswers(await on.connection.verify(stranger(made.identity), on.ctx('r1')), 'refused', 'absent');
    },
  },
  {
    name: 'a credential of a name nobody has is turned away',
    async act(on) {
      const { identity } = await on.connection.propose(null, on.ctx('r1'));
      await assertDead(on, stranger(identity));
    },
  },
  {
    name: 'a rotation proposes the same identity again, and has no effect in doing so',
    async act({ connection, ctx }) {
      const first = await connection.propose(null, ctx('r1'));
      const again = await connection.propose(null, ctx('r1', { attempt: 2 }));
      assert.equal(again.identity, first.identity);
      assert.deepEqual(await connection.list(ctx('r1')), []);
    },
  },
  {
    name: 'where the value is ours it has at least 128 bits, and is another one each time',
    where: ({ origin }) => origin === 'ours',
    async act({ connection, ctx }) {
      const texts = new Set<string>();
      for (let i = 0; i < 20; i += 1) {
        const { value } = await connection.propose(null, ctx('r1'));
        assert.ok(value !== undefined && openSecret(value).length >= 16);
        texts.add(Buffer.from(openSecret(value)).toString('hex'));
      }
      assert.equal(texts.size, 20);
    },
  },
  {
    name: 'created twice, one is live',
    where: ({ list }) => list,
    async act(on) {
      const { connection, ctx } = on;
      const proposal = await connection.propose(null, ctx('r1'));
      await connection.create(proposal, ctx('r1'));
      const { identity, value = proposal.value } = await connection.create(proposal, ctx('r1', { attempt: 2 }));
      assert.ok(value !== undefined);
      await assertAccepted(on, { identity, value });
      const live = (await connection.list(ctx('r1'))).filter((each) => each.live);
      assert.deepEqual(live, [{ identity, rotationId: 'r1', live: true }]);
    },
  },
  {
    name: 'a create that was cut off is finished by the next one',
    async act(on) {
      const { connection, ctx } = on;
      const proposal = await connection.propose(null, ctx('r1'));
      for (const turns of [0, 1, 5, 50]) {
        const cut = new AbortController();
        const cutOff = connection.create(proposal, ctx('r1', { signal: cut.signal })).catch(() => {});
        for (let i = 0; i < turns; i += 1) await new Promise(setImmediate);
        cut.abort();
        await cutOff;
      }
      const { identity, value = proposal.value } = await connection.create(proposal, ctx('r1', { attempt: 2 }));
      assert.ok(value !== undefined);
      await assertAccepted(on, { identity, value });
      await assertDead(on, stranger(identity));
    },
  },
  {
    name: 'an aborted call makes nothing',
    async act(on) {
      const { connection, ctx } = on;
      const proposal = await connection.propose(null, ctx('r1'));
      await assert.rejects(connection.create(proposal, ctx('r1', { signal: AbortSignal.abort() })));
      await assertDead(on, { identity: proposal.identity, value: proposal.value ?? stranger('').value });
    },
  },
  {
    name: 'a principal that somebody else uses is refused',
    async act({ stage, connection, ctx }) {
      const proposal = await connection.propose(null, ctx('r1'));
      await stage.plantForeign(proposal.identity);
      await assertCode('PRINCIPAL_IN_USE', connection.create(proposal, ctx('r1')));
      assert.deepEqual(await connection.list(ctx('r1')), []);
    },
  },
  {
    name: 'a target that does not answer is unknown, never refused',
    async act({ elsewhere, ctx, make }) {
      const made = await make('r1');
      await elsewhere(async (other) => {
        assertAnswers(await other.probe(made, ctx('r1')), 'unknown');
        assertAnswers(await other.verify(made, ctx('r1')), 'unknown');
        assert.equal((await other.usage(made.identity, ctx('r1'))).kind, 'unknown');
        await assert.rejects(other.create(made, ctx('r1')));
      });
    },
  },
  {
    name: 'destroying what was never made succeeds',
    async act({ connection, ctx }) {
      const { identity } = await connection.propose(null, ctx('r1'));
      await connection.destroy(identity, { createdBy: 'r1' }, ctx('r1'));
      await connection.destroy(identity, { createdBy: 'r1' }, ctx('r1', { attempt: 2 }));
    },
  },
  {
    name: 'undone, the first credential is refused, and undoing it again succeeds',
    async act(on) {
      const made = await on.make('r1');
      await assertAccepted(on, made);
      for (const attempt of [1, 2, 3]) {
        await on.connection.destroy(made.identity, { createdBy: 'r1' }, on.ctx('r1', { attempt }));
        await assertDead(on, made);
      }
      assert.deepEqual(
        (await on.connection.list(on.ctx('r1'))).filter(({ live }) => live),
        [],
      );
    },
  },
  {
    name: 'the list holds what is ours and nothing else',
    where: ({ list }) => list,
    async act({ stage, connection, ctx, make }) {
      const made = await make('r1');
      await stage.plantForeign(`${made.identity}-foreign`);
      assert.deepEqual(await connection.list(ctx('r1')), [{ identity: made.identity, rotationId: 'r1', live: true }]);
      assert.deepEqual(await connection.list(ctx('r1', { secret: secrets.other })), []);
    },
  },
  {
    name: 'a target has an identifier, the same each time',
    async act({ connection, ctx }) {
      const first = await connection.identify(ctx('r1'));
      assert.notEqual(first.system, '');
      assert.deepEqual(await connection.identify(ctx('r2')), first);
    },
  },
  {
    name: 'usage counts a session that is open',
    where: ({ usage }) => usage,
    async act({ stage, connection, ctx, make }) {
      const made = await make('r1');
      const none = await connection.usage(made.identity, ctx('r1'));
      assert.deepEqual(none, { kind: 'known', sessions: 0, youngestAgeMs: null, oldestAgeMs: null });
      await stage.openSession(made);
      const one = await connection.usage(made.identity, ctx('r1'));
      assert.ok(one.kind === 'known' && one.sessions === 1 && one.youngestAgeMs !== null && one.youngestAgeMs >= 0);
    },
  },
  {
    name: 'neither an error nor the connection shows a value',
    async act({ stage, connection, elsewhere, ctx, make }) {
      const made = await make('r1');
      const seen: unknown[] = [connection, made, stage.config];
      const keep = (error: unknown): void => void seen.push(error);
      await stage.plantForeign(`${made.identity}-foreign`);
      await connection.create({ ...made, identity: `${made.identity}-foreign` }, ctx('r2')).catch(keep);
      await connection.create(made, ctx('r3', { signal: AbortSignal.abort() })).catch(keep);
      await connection.destroy(made.identity, { createdBy: 'nobody' }, ctx('r4')).catch(keep);
      seen.push(await connection.probe(stranger(made.identity), ctx('r5')));
      await elsewhere(async (other) => {
        await other.create(made, ctx('r6')).catch(keep);
        seen.push(await other.verify(made, ctx('r6')), other);
      });
      assertShowsNone(seen, [made.value, stranger('').value]);
    },
  },
];

const isFenced = ({ fence }: Capabilities): boolean => fence;

const fenceObligations: readonly Obligation[] = [
  {
    name: 'once the fence is raised, an older epoch changes nothing',
    where: isFenced,
    async act(on) {
      const { connection, ctx } = on;
      const proposal = await connection.propose(null, ctx('r1'));
      await connection.create(proposal, ctx('r1'));
      const made = { identity: proposal.identity, value: proposal.value ?? stranger('').value };
      await connection.raise(ctx('r5'));
      await assertCode('STALE_EPOCH', connection.create(proposal, ctx('r4')));
      await assertCode('STALE_EPOCH', connection.destroy(made.identity, { createdBy: 'r1' }, ctx('r4')));
      await assertCode('STALE_EPOCH', connection.raise(ctx('r4')));
      await assertAccepted(on, made);
      await connection.raise(ctx('r5'));
    },
  },
  {
    name: 'a token that should be there and is not refuses the change',
    where: isFenced,
    async act({ connection, ctx }) {
      const proposal = await connection.propose(null, ctx('r1'));
      await assertCode(
        'FENCE_MISSING',
        connection.create(proposal, ctx('r1', { fence: { era: 1, epoch: 1, known: true } })),
      );
    },
  },
  {
    name: 'a later era is newer than any epoch of an earlier one',
    where: isFenced,
    async act({ connection, ctx, make }) {
      const made = await make('r1');
      await connection.raise(ctx('r1', { fence: { era: 2, epoch: 1, known: true } }));
      await assertCode('STALE_EPOCH', connection.create(made, ctx('r99')));
    },
  },
];

const twoLiveObligations: readonly Obligation[] = [
  {
    name: 'the old credential is accepted until it is destroyed, and the new one after that',
    where: isTwoLive,
    async act(on) {
      const old = await on.make('r1');
      const fresh = await on.make('r2', old);
      assert.notEqual(fresh.identity, old.identity);
      await assertAccepted(on, old);
      await assertAccepted(on, fresh);
      for (const attempt of [1, 2]) {
        await on.connection.destroy(old.identity, { createdBy: 'r1' }, on.ctx('r2', { attempt }));
        await assertDead(on, old);
      }
      await assertAccepted(on, fresh);
    },
  },
  {
    name: 'an identity is never used twice where nothing fences it',
    where: (capabilities) => isTwoLive(capabilities) && !capabilities.fence,
    async act({ connection, ctx, make }) {
      const identities = new Set<string>();
      let current: Credential | undefined;
      for (const rotationId of ['r1', 'r2', 'r3', 'r4']) {
        current = await make(rotationId, current);
        identities.add(current.identity);
        await connection.destroy(current.identity, { createdBy: rotationId }, ctx(rotationId));
      }
      assert.equal(identities.size, 4);
    },
  },
  {
    name: 'destroying what carries another tag is refused',
    where: isTwoLive,
    async act(on) {
      const made = await on.make('r1');
      await assertCode('NOT_OURS', on.connection.destroy(made.identity, { createdBy: 'r0' }, on.ctx('r2')));
      await assertCode('NOT_OURS', on.connection.destroy(made.identity, { createdBy: null }, on.ctx('r2')));
      await assertAccepted(on, made);
    },
  },
  {
    name: 'switched off it is refused, switched on it is accepted, each as often as one likes',
    where: (capabilities) => isTwoLive(capabilities) && capabilities.disable,
    async act(on) {
      const made = await on.make('r1');
      for (const attempt of [1, 2]) {
        await on.connection.disable(made.identity, on.ctx('r1', { attempt }));
        await on.connection.disable(made.identity, on.ctx('r1', { attempt }));
        await assertDead(on, made);
        await on.connection.enable(made.identity, on.ctx('r1', { attempt }));
        await on.connection.enable(made.identity, on.ctx('r1', { attempt }));
        await assertAccepted(on, made);
      }
      await on.connection.disable(`${made.identity}-missing`, on.ctx('r1'));
    },
  },
  {
    name: 'switching off ends the sessions, those of the other credential excepted',
    where: (capabilities) => isTwoLive(capabilities) && capabilities.endsSessions,
    async act({ stage, connection, ctx, make }) {
      const old = await make('r1');
      const fresh = await make('r2', old);
      const [before, other] = [await stage.openSession(old), await stage.openSession(fresh)];
      assert.deepEqual(await connection.disable(old.identity, ctx('r2')), { endedSessions: 1 });
      assert.equal(await before.isOpen(), false);
      assert.equal(await other.isOpen(), true);
    },
  },
];

function assertShowsNone(things: readonly unknown[], values: readonly Secret[]): void {
  const shown = things
    .map((thing) => inspect(thing, { depth: Infinity, showHidden: true, getters: true, maxStringLength: null }))
    .join('\n');
  for (const value of values) {
    const bytes = Buffer.from(openSecret(value));
    const text = bytes.toString();
    for (const form of [text, bytes.toString('hex'), bytes.toString('base64'), encodeURIComponent(text)]) {
      assert.ok(!shown.includes(form), 'a value is shown');
    }
  }
}
