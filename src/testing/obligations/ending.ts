import assert from 'node:assert/strict';
import { isKeyturnError } from '../../core/errors.js';
import { type Play, secrets } from '../rotator-harness.js';
import {
  assertAccepted,
  assertAnswers,
  assertCode,
  assertDead,
  assertLetIn,
  assertLive,
  assertUncertain,
  errorText,
  thrownBy,
} from './assertions.js';
import { type Obligation, capable, tagged, twoLive } from './obligation.js';

const heading = 'What you promise';

/** How a credential is switched off, switched on, and ended; and whose. */
export const endingObligations: readonly Obligation[] = [
  {
    name: 'destroying what was never made succeeds',
    member: 'destroy',
    heading,
    async act({ connection, ctx }) {
      const { identity } = await connection.propose(null, ctx('r1'));
      await connection.destroy(identity, { createdBy: 'r1' }, ctx('r1'));
      await connection.destroy(identity, { createdBy: 'r1' }, ctx('r1', { attempt: 2 }));
    },
  },
  {
    name: 'undone, the first credential is refused, and undoing it again succeeds',
    member: 'destroy',
    heading,
    async act(on) {
      const made = await on.make('r1');
      await assertAccepted(on, made);
      for (const attempt of [1, 2, 3]) {
        await on.connection.destroy(made.identity, { createdBy: 'r1' }, on.ctx('r1', { attempt }));
        await assertDead(on, made);
      }
      if (on.capabilities.list) await assertLive(on);
    },
  },
  {
    name: 'destroying the new credential leaves the old one accepted: by identity, never by age',
    member: 'destroy',
    heading: 'Mistakes of others',
    where: [twoLive],
    async act(on) {
      const old = await on.make('r1');
      const fresh = await on.make('r2', old);
      await on.connection.destroy(fresh.identity, { createdBy: 'r2' }, on.ctx('r2'));
      await assertDead(on, fresh);
      await assertAccepted(on, old);
      await on.connection.destroy(fresh.identity, { createdBy: 'r2' }, on.ctx('r2', { attempt: 2 }));
      await assertAccepted(on, old);
    },
  },
  {
    name: 'a destroy whose answer was lost is repeated and succeeds',
    member: 'destroy',
    heading: 'Mistakes of others',
    async act(on) {
      const { stage, connection, lend, ctx, make } = on;
      const made = await make('r1');
      await assertAccepted(on, made);
      const provenance = { createdBy: 'r1' };
      if (stage.losingAnswers === undefined) {
        on.note('the harness loses no answers: it was destroyed by another process that told nobody');
        await lend(stage.config, async (other) => other.destroy(made.identity, provenance, ctx('r1')));
      } else {
        const { config } = await stage.losingAnswers();
        await lend(config, async (other) => {
          const doing = 'a destroy whose answer was lost';
          assertUncertain(on, doing, await thrownBy(doing, other.destroy(made.identity, provenance, ctx('r1'))));
        });
      }
      await connection.destroy(made.identity, provenance, ctx('r1', { attempt: 2 }));
      await assertDead(on, made);
    },
  },
  {
    name: 'destroying what carries another tag is refused',
    member: 'destroy',
    heading: 'Mistakes of others',
    where: [twoLive, tagged],
    async act(on) {
      const made = await on.make('r1');
      for (const createdBy of ['r0', null]) {
        const call = on.connection.destroy(made.identity, { createdBy }, on.ctx('r2'));
        await assertCode('NOT_OURS', `destroying what r1 made as if ${createdBy ?? 'nobody'} had made it`, call);
      }
      const ofAnother = on.ctx('r2', { secret: secrets.other });
      const doing = 'destroying for one secret what was made for another';
      const error = await thrownBy(doing, on.connection.destroy(made.identity, { createdBy: 'r1' }, ofAnother));
      // Where the fence is looked at first, it is that of the other secret.
      const isRefusal = isKeyturnError(error) && ['NOT_OURS', 'PRINCIPAL_IN_USE'].includes(error.code);
      assert.ok(isRefusal, `${doing} threw ${errorText(error)}, not NOT_OURS`);
      await assertAccepted(on, made);
    },
  },
  {
    name: 'destroying what somebody else made is refused, and leaves it where it is',
    member: 'destroy',
    heading: 'Mistakes of others',
    where: [twoLive, tagged],
    async act(on) {
      const { connection, ctx, plantForeign } = on;
      const { identity } = await connection.propose(null, ctx('r1'));
      const foreign = await plantForeign(identity);
      // Twice: what the first one removed and denied, the second one would not find.
      for (const attempt of [1, 2]) {
        const call = connection.destroy(foreign, { createdBy: 'r1' }, ctx('r1', { attempt }));
        await assertCode('NOT_OURS', 'destroying what somebody else made', call);
      }
      await assertThere(on, foreign);
    },
  },
  {
    name: 'what was adopted is switched off and destroyed where nobody is said to have made it, and only there',
    member: 'destroy',
    heading,
    where: [twoLive, tagged],
    needs: 'plantAdopted',
    async act(on) {
      const { stage, connection, ctx, capabilities } = on;
      const adopted = await stage.plantAdopted?.(secrets.ours);
      assert.ok(adopted !== undefined, 'the harness planted nothing');
      on.witness.learn(adopted);
      const assertAlive = async (): Promise<void> =>
        assertAnswers('probe', await connection.probe(adopted, ctx('r1')), 'accepted');
      await assertAlive();
      const fresh = await on.make('r1', adopted);
      if (capabilities.disable) {
        await connection.disable(adopted.identity, ctx('r1'));
        await assertDead(on, adopted);
        await connection.enable(adopted.identity, ctx('r1'));
      }
      const call = connection.destroy(adopted.identity, { createdBy: 'r1' }, ctx('r1'));
      await assertCode('NOT_OURS', 'destroying what was adopted as if r1 had made it', call);
      await assertAlive();
      for (const attempt of [1, 2]) {
        await connection.destroy(adopted.identity, { createdBy: null }, ctx('r1', { attempt }));
        await assertDead(on, adopted);
      }
      await assertAccepted(on, fresh);
    },
  },
  {
    name: 'a whole rotation leaves what somebody else made where it is',
    member: 'destroy',
    heading: 'Mistakes of others',
    where: [tagged],
    async act(on) {
      const { connection, ctx, make, plantForeign } = on;
      const { identity } = await connection.propose(null, ctx('r1'));
      const foreign = await plantForeign(`${identity}-foreign`);
      const old = await make('r1');
      const fresh = await make('r2', old);
      await assertAccepted(on, fresh);
      await connection.destroy(old.identity, { createdBy: 'r1' }, ctx('r2'));
      await connection.destroy(fresh.identity, { createdBy: 'r2' }, ctx('r2'));
      await assertDead(on, fresh);
      await assertThere(on, foreign);
    },
  },
  {
    name: 'the target itself lets in what was created, and turns away what was switched off or destroyed',
    member: 'destroy',
    heading: 'Mistakes of others',
    where: [twoLive],
    needs: 'accepts',
    async act(on) {
      const { connection, ctx, make, capabilities } = on;
      const old = await make('r1');
      await assertLetIn(on, old, true, 'once it was created');
      const fresh = await make('r2', old);
      await assertLetIn(on, old, true, 'once another was created');
      if (capabilities.disable) {
        await connection.disable(old.identity, ctx('r2'));
        await assertLetIn(on, old, false, 'once it was switched off');
        await connection.enable(old.identity, ctx('r2'));
        await assertLetIn(on, old, true, 'once it was switched on again');
      }
      await connection.destroy(old.identity, { createdBy: 'r1' }, ctx('r2'));
      await assertLetIn(on, old, false, 'once it was destroyed');
      await assertLetIn(on, fresh, true, 'once the other was destroyed');
      await connection.destroy(fresh.identity, { createdBy: 'r2' }, ctx('r2'));
      await assertLetIn(on, fresh, false, 'once it was undone');
    },
  },
  {
    name: 'switched off it is refused, switched on it is accepted, each as often as one likes',
    member: 'disable',
    heading,
    where: [twoLive, capable('disable', true)],
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
      await on.connection.disable(made.identity, on.ctx('r1', { attempt: 3 }));
      await on.connection.destroy(made.identity, { createdBy: 'r1' }, on.ctx('r1'));
      await assertDead(on, made);
    },
  },
  {
    name: 'switching the old one off leaves the new one accepted',
    member: 'disable',
    heading,
    where: [twoLive, capable('disable', true)],
    async act(on) {
      const old = await on.make('r1');
      const fresh = await on.make('r2', old);
      await on.connection.disable(old.identity, on.ctx('r2'));
      await assertDead(on, old);
      await assertAccepted(on, fresh);
    },
  },
  {
    name: 'switching off ends the sessions, those of the other credential excepted',
    member: 'disable',
    heading,
    where: [twoLive, capable('disable', true), capable('endsSessions', true)],
    async act({ stage, connection, ctx, make }) {
      const old = await make('r1');
      const fresh = await make('r2', old);
      const [before, other] = [await stage.openSession(old), await stage.openSession(fresh)];
      const { endedSessions } = await connection.disable(old.identity, ctx('r2'));
      assert.equal(endedSessions, 1, `one session was open, and disable says it ended ${endedSessions}`);
      assert.equal(await before.isOpen(), false, 'the session of what was switched off is still open');
      assert.equal(await other.isOpen(), true, 'the session of the other credential was ended');
    },
  },
  {
    name: 'once destroyed it is refused, and no session of it is left',
    member: 'destroy',
    heading,
    where: [twoLive, capable('disable', true), capable('endsSessions', true)],
    async act(on) {
      const { stage, connection, ctx, make } = on;
      const made = await make('r1');
      const session = await stage.openSession(made);
      await connection.disable(made.identity, ctx('r1'));
      await connection.destroy(made.identity, { createdBy: 'r1' }, ctx('r1'));
      await assertDead(on, made);
      assert.equal(await session.isOpen(), false, 'a session outlives the credential it was opened with');
    },
  },
];

/** Something of somebody else is still at the target; where only the rotator could tell, the case says so. */
async function assertThere({ stage, note }: Play<unknown>, identity: string): Promise<void> {
  if (stage.isThere === undefined)
    return note('the harness gives no `isThere`: only what the rotator says was looked at');
  assert.ok(await stage.isThere(identity), 'what somebody else made is gone');
}
