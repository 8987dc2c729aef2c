import assert from 'node:assert/strict';
import type { Connection, Credential } from '../../contract/rotator.js';
import { isKeyturnError } from '../../core/errors.js';
import { type Play, credentialOf } from '../rotator-harness.js';
import { assertAccepted, assertDead, assertLive, errorText, taggedAs } from './assertions.js';
import { type Obligation, originOurs } from './obligation.js';

/** Performs one call of a rotation, by whichever process and however often. `attempt` counts from 1. */
type Caller = <Answer>(call: (connection: Connection, attempt: number) => Promise<Answer>) => Promise<Answer>;

/** How many calls are made at one time. */
const AT_ONCE = 4;

/** A rotation whose calls come from several processes, again, or at the same time. */
export const repeatingObligations: readonly Obligation[] = [
  {
    name: 'a rotation goes on in another process between any two calls',
    member: 'connect',
    heading: 'Mistakes of others',
    async act(on) {
      await twoRotations(on, async (call) => on.lend(on.stage.config, async (other) => call(other, 1)));
    },
  },
  {
    name: 'a rotation whose process dies after every call ends as if each had been made once',
    member: 'connect',
    heading: 'Mistakes of others',
    async act(on) {
      await twoRotations(on, async (call) =>
        on.lend(on.stage.config, async (dead) => {
          // It was done, and whoever did it has told nobody.
          await call(dead, 1);
          return on.lend(on.stage.config, async (heir) => call(heir, 2));
        }),
      );
    },
  },
  {
    name: 'creates of one rotation at the same time make one credential',
    member: 'create',
    heading: 'Mistakes of others',
    // Of a provider a second one is asked only after the first has died: the engine sees to it.
    where: [originOurs],
    async act(on) {
      const { connection, ctx } = on;
      const proposal = await connection.propose(null, ctx('r1'));
      await atOnce(on, 'create', async (by, attempt) => by.create(proposal, ctx('r1', { attempt })));
      const made = await credentialOf(proposal, async (again) => connection.create(again, ctx('r1', { attempt: 9 })));
      await assertAccepted(on, made);
      if (on.capabilities.list) await assertLive(on, taggedAs(on, made.identity, 'r1'));
    },
  },
  {
    name: 'destroys and probes of one credential at the same time end with it dead',
    member: 'destroy',
    heading: 'Mistakes of others',
    async act(on) {
      const { connection, ctx, make } = on;
      const made = await make('r1');
      await assertAccepted(on, made);
      await atOnce(on, 'destroy', async (by, attempt) => {
        await by.destroy(made.identity, { createdBy: 'r1' }, ctx('r1', { attempt }));
        await by.probe(made, ctx('r1', { attempt }));
      });
      await connection.destroy(made.identity, { createdBy: 'r1' }, ctx('r1', { attempt: 9 }));
      await assertDead(on, made);
      if (on.capabilities.list) await assertLive(on);
    },
  },
];

/** A first rotation and a second one that replaces it, every call through `by`. */
async function twoRotations(on: Play<unknown>, by: Caller): Promise<void> {
  const { ctx, capabilities } = on;
  const rotate = async (rotationId: string, current: Credential | null): Promise<Credential> => {
    const proposal = await by(async (c, attempt) => c.propose(current, ctx(rotationId, { attempt })));
    return credentialOf(proposal, async (proposed) =>
      by(async (c, attempt) => c.create(proposed, ctx(rotationId, { attempt }))),
    );
  };
  const isTwoLive = capabilities.overlap === 'two-live';
  const old = await rotate('r1', null);
  await assertAccepted(on, old);
  const fresh = await rotate('r2', old);
  await assertAccepted(on, fresh);
  if (isTwoLive) await assertAccepted(on, old);
  if (isTwoLive && capabilities.disable) {
    await by(async (c, attempt) => c.disable(old.identity, ctx('r2', { attempt })));
    await assertDead(on, old);
    await by(async (c, attempt) => c.enable(old.identity, ctx('r2', { attempt })));
    await assertAccepted(on, old);
    await by(async (c, attempt) => c.disable(old.identity, ctx('r2', { attempt })));
  }
  await by(async (c, attempt) => c.destroy(old.identity, { createdBy: 'r1' }, ctx('r2', { attempt })));
  await assertDead(on, old);
  await assertAccepted(on, fresh);
  if (capabilities.list) await assertLive(on, taggedAs(on, fresh.identity, 'r2'));
}

/** The same call several times at once, by two processes in turn. One may be told to come back later; none may refuse. */
async function atOnce(
  on: Play<unknown>,
  member: string,
  call: (by: Connection, attempt: number) => Promise<unknown>,
): Promise<void> {
  const outcomes = await on.lend(on.stage.config, async (other) =>
    Promise.allSettled(
      Array.from({ length: AT_ONCE }, async (_, at) => call(at % 2 === 0 ? on.connection : other, at + 1)),
    ),
  );
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue;
    const error: unknown = outcome.reason;
    const isRefusal = isKeyturnError(error)
      ? error.class !== 'retry'
      : on.rotator.classify(error).startsWith('rejected');
    assert.ok(!isRefusal, `of ${AT_ONCE} ${member} at once one was refused: ${errorText(error)}`);
  }
}
