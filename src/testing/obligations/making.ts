import assert from 'node:assert/strict';
import type { Credential } from '../../contract/rotator.js';
import { openSecret } from '../../core/secret.js';
import { type Play, credentialOf, secrets } from '../rotator-harness.js';
import {
  assertAccepted,
  assertAnswers,
  assertCode,
  assertDead,
  assertLetIn,
  assertLive,
  assertUncertain,
  listedSince,
  stranger,
  taggedAs,
  thrownBy,
} from './assertions.js';
import { type Obligation, capable, originOurs, tagged, twoLive } from './obligation.js';

const heading = 'What you promise';

/** How a credential comes to be, and what is true of it then. */
export const makingObligations: readonly Obligation[] = [
  {
    name: 'the new credential is accepted, and another value is not',
    member: 'verify',
    heading,
    async act(on) {
      const made = await on.make('r1');
      await assertAccepted(on, made);
      await assertDead(on, stranger(made.identity));
      const answers = await on.connection.verify(stranger(made.identity), on.ctx('r1'));
      assertAnswers('verify', answers, 'refused', 'absent');
    },
  },
  {
    name: 'a credential of a name nobody has is turned away',
    member: 'probe',
    heading,
    async act(on) {
      const { identity } = await on.connection.propose(null, on.ctx('r1'));
      await assertDead(on, stranger(identity));
    },
  },
  {
    name: 'a rotation proposes the same identity again, and has no effect in doing so',
    member: 'propose',
    heading,
    async act(on) {
      const { stage, connection, lend, ctx } = on;
      const first = await connection.propose(null, ctx('r1'));
      const again = await connection.propose(null, ctx('r1', { attempt: 2 }));
      const elsewhere = await lend(stage.config, async (other) => other.propose(null, ctx('r1')));
      assert.equal(again.identity, first.identity, 'the same rotation was given another identity');
      assert.equal(elsewhere.identity, first.identity, 'another process gives the same rotation another identity');
      if (!on.capabilities.list) return;
      assert.deepEqual(await listedSince(on), [], 'list shows something after propose alone');
    },
  },
  {
    name: 'where the value is ours it has at least 128 bits, and is another one each time',
    member: 'propose',
    heading: 'Values',
    where: [originOurs],
    async act({ connection, ctx }) {
      const texts = new Set<string>();
      for (let i = 0; i < 20; i += 1) {
        const { value } = await connection.propose(null, ctx('r1'));
        assert.ok(value !== undefined && openSecret(value).length >= 16, 'a value has less than 128 bits');
        texts.add(Buffer.from(openSecret(value)).toString('hex'));
      }
      assert.equal(texts.size, 20, 'a value was proposed twice');
    },
  },
  {
    name: 'created twice, one is live',
    member: 'create',
    heading,
    async act(on) {
      const { stage, connection, ctx, capabilities } = on;
      const proposal = await connection.propose(null, ctx('r1'));
      const first = await credentialOf(proposal, async (proposed) => connection.create(proposed, ctx('r1')));
      const made = await assertFinished(on, proposal);
      // Of a value that is ours both are the same one. Where nothing can be found again nobody can end the first.
      if (isSame(first, made) || !capabilities.list || stage.accepts === undefined) return;
      await assertLetIn(on, first, false, 'once it was created again');
    },
  },
  {
    name: 'a create that was cut off is finished by the next one',
    member: 'create',
    heading: 'Mistakes of others',
    async act(on) {
      const { connection, ctx } = on;
      const proposal = await connection.propose(null, ctx('r1'));
      for (const turns of [0, 1, 2, 5, 20, 50]) {
        const cut = new AbortController();
        const cutOff = connection.create(proposal, ctx('r1', { signal: cut.signal })).catch(() => {});
        for (let i = 0; i < turns; i += 1) await new Promise(setImmediate);
        cut.abort();
        await cutOff;
      }
      const made = await assertFinished(on, proposal);
      await assertDead(on, stranger(made.identity));
    },
  },
  {
    name: 'a create whose answer was lost is finished by the next one',
    member: 'create',
    heading: 'Mistakes of others',
    async act(on) {
      const { stage, connection, lend, ctx } = on;
      const proposal = await connection.propose(null, ctx('r1'));
      if (stage.losingAnswers === undefined) {
        on.note('the harness loses no answers: it was created by another process that told nobody');
        await lend(stage.config, async (other) => other.create(proposal, ctx('r1')));
      } else {
        const losing = await stage.losingAnswers();
        await lend(losing.config, async (other) => {
          const error = await thrownBy('a create whose answer was lost', other.create(proposal, ctx('r1')));
          assertUncertain(on, 'a create whose answer was lost', error);
        });
        assert.ok(losing.lost() > 0, 'the harness lost no answer: mend `losingAnswers`');
      }
      await assertFinished(on, proposal);
    },
  },
  {
    name: 'an aborted call makes nothing',
    member: 'create',
    heading: 'The context of a call',
    async act(on) {
      const { connection, ctx } = on;
      const proposal = await connection.propose(null, ctx('r1'));
      const call = connection.create(proposal, ctx('r1', { signal: AbortSignal.abort() }));
      await thrownBy('a create that was aborted before it began', call);
      await assertDead(on, { identity: proposal.identity, value: proposal.value ?? stranger('').value });
      if (on.capabilities.list) await assertLive(on);
    },
  },
  {
    name: 'a principal that somebody else uses is refused',
    member: 'create',
    heading,
    where: [originOurs, tagged],
    async act(on) {
      const { connection, ctx, plantForeign } = on;
      const proposal = await connection.propose(null, ctx('r1'));
      await plantForeign(proposal.identity);
      await assertCode(
        'PRINCIPAL_IN_USE',
        'creating under a name that somebody else uses',
        connection.create(proposal, ctx('r1')),
      );
      if (!on.capabilities.list) return;
      assert.deepEqual(await listedSince(on), [], 'list shows what somebody else made');
    },
  },
  {
    name: 'a principal that another rotation uses is refused',
    member: 'create',
    heading,
    where: [originOurs, tagged, twoLive],
    async act(on) {
      const { connection, ctx } = on;
      const made = await on.make('r1');
      const { value } = await connection.propose(null, ctx('r2'));
      const call = connection.create({ identity: made.identity, ...(value && { value }) }, ctx('r2'));
      await assertCode('PRINCIPAL_IN_USE', 'creating under a name that another rotation uses', call);
      await assertAccepted(on, made);
    },
  },
  {
    name: 'a further credential takes the place of none: by identity, never by age',
    member: 'create',
    heading: 'Mistakes of others',
    where: [twoLive],
    async act(on) {
      const { ctx } = on;
      const old = await on.make('r1');
      const fresh = await on.make('r2', old);
      // There may be no room for it, or no name: then it is not made.
      const third = await on.make('r3', fresh).catch(() => null);
      await assertAccepted(on, old);
      await assertAccepted(on, fresh);
      if (third !== null) {
        await on.connection.destroy(third.identity, { createdBy: 'r3' }, ctx('r3'));
        await assertDead(on, third);
      }
      await assertAccepted(on, old);
      await assertAccepted(on, fresh);
    },
  },
  {
    name: 'the old credential is accepted until it is destroyed, and the new one after that',
    member: 'capabilities',
    heading: 'What you declare',
    where: [twoLive],
    async act(on) {
      const old = await on.make('r1');
      const fresh = await on.make('r2', old);
      assert.notEqual(fresh.identity, old.identity, 'the new credential has the identity of the old one');
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
    member: 'propose',
    heading,
    where: [twoLive, capable('fence', false)],
    async act({ connection, ctx, make }) {
      const identities = new Set<string>();
      let current: Awaited<ReturnType<typeof make>> | undefined;
      for (const rotationId of ['r1', 'r2', 'r3', 'r4']) {
        current = await make(rotationId, current);
        identities.add(current.identity);
        await connection.destroy(current.identity, { createdBy: rotationId }, ctx(rotationId));
      }
      assert.equal(identities.size, 4, 'an identity came back: a late request would hit its successor');
    },
  },
  {
    name: 'the list holds what is ours and nothing else',
    member: 'list',
    heading,
    where: [capable('list', true), tagged],
    async act(on) {
      const { connection, ctx, make, plantForeign } = on;
      const made = await make('r1');
      await plantForeign(`${made.identity}-foreign`);
      await assertLive(on, taggedAs(on, made.identity, 'r1'));
      const all = await connection.list(ctx('r1'));
      assert.deepEqual(
        all.map(({ identity }) => identity),
        [made.identity],
        'list shows more than was made',
      );
      const ofAnother = await connection.list(ctx('r1', { secret: secrets.other }));
      assert.deepEqual(ofAnother, [], 'list shows for one secret what is of another');
    },
  },
  {
    name: 'the list agrees with the target from the first credential to the last',
    member: 'list',
    heading,
    where: [capable('list', true), twoLive],
    async act(on) {
      const { connection, ctx, make } = on;
      await assertLive(on);
      const old = await make('r1');
      await assertLive(on, taggedAs(on, old.identity, 'r1'));
      const fresh = await make('r2', old);
      await assertLive(on, taggedAs(on, old.identity, 'r1'), taggedAs(on, fresh.identity, 'r2'));
      await assertAccepted(on, old);
      await connection.destroy(old.identity, { createdBy: 'r1' }, ctx('r2'));
      await assertLive(on, taggedAs(on, fresh.identity, 'r2'));
      await assertDead(on, old);
      await assertAccepted(on, fresh);
    },
  },
];

function isSame(one: Credential, other: Credential): boolean {
  return one.identity === other.identity && Buffer.compare(openSecret(one.value), openSecret(other.value)) === 0;
}

/** Created once more, by whoever comes next, it is live, once. */
async function assertFinished(
  on: Play<unknown>,
  proposal: Parameters<Play<unknown>['connection']['create']>[0],
): Promise<Credential> {
  const { connection, ctx } = on;
  const made = await credentialOf(proposal, async (again) => connection.create(again, ctx('r1', { attempt: 2 })));
  await assertAccepted(on, made);
  if (on.capabilities.list) await assertLive(on, taggedAs(on, made.identity, 'r1'));
  return made;
}
