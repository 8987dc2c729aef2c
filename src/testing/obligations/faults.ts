import assert from 'node:assert/strict';
import type { Connection, Credential } from '../../contract/rotator.js';
import { isKeyturnError } from '../../core/errors.js';
import type { Play } from '../rotator-harness.js';
import {
  assertAccepted,
  assertAnswers,
  assertDead,
  assertLive,
  assertUncertain,
  ended,
  errorText,
  sortedAs,
  taggedAs,
  thrownBy,
} from './assertions.js';
import { type Obligation, originOurs, twoLive } from './obligation.js';

/** Of a call that is aborted while the target is silent. Milliseconds. */
const DEADLINE_MS = 200;

/** What a rotator makes of a target that is silent, away, or refuses. */
export const faultObligations: readonly Obligation[] = [
  {
    name: 'a target that does not answer is unknown, never refused',
    member: 'probe',
    heading: 'Mistakes of others',
    async act(on) {
      const { stage, lend, ctx, make } = on;
      const proposal = await on.connection.propose(null, ctx('r1'));
      const made = await make('r1');
      await lend(stage.unreachable, async (other) => {
        assertAnswers('probe', await other.probe(made, ctx('r1')), 'unknown');
        assertAnswers('verify', await other.verify(made, ctx('r1')), 'unknown');
        const { kind } = await other.usage(made.identity, ctx('r1'));
        assert.equal(kind, 'unknown', `usage answered \`${kind}\` for a target that does not answer`);
        await thrownBy('a create where nobody answers', other.create(proposal, ctx('r1')));
        await thrownBy('a destroy where nobody answers', other.destroy(made.identity, { createdBy: 'r1' }, ctx('r1')));
        if (on.capabilities.list) await thrownBy('a list where nobody answers', other.list(ctx('r1')));
        if (on.capabilities.fence) await thrownBy('a raise where nobody answers', other.raise(ctx('r1')));
        if (!on.capabilities.disable) return;
        await thrownBy('a disable where nobody answers', other.disable(made.identity, ctx('r1')));
        await thrownBy('an enable where nobody answers', other.enable(made.identity, ctx('r1')));
      });
      await assertAccepted(on, made);
    },
  },
  {
    name: 'a call to a target that hangs ends with its signal, and says that nobody knows',
    member: 'create',
    heading: 'The context of a call',
    needs: 'hung',
    async act(on) {
      const { stage, lend, connection, ctx, capabilities } = on;
      const proposal = await connection.propose(null, ctx('r1'));
      const credential = await on.make('r1');
      const identity = credential.identity;
      const hurried = (): ReturnType<typeof ctx> =>
        ctx('r1', { signal: AbortSignal.timeout(DEADLINE_MS), deadlineMs: DEADLINE_MS });
      await lend(stage.hung, async (other) => {
        const calls: Partial<Record<keyof Connection, () => Promise<unknown>>> = {
          identify: async () => other.identify(hurried()),
          create: async () => other.create(proposal, hurried()),
          destroy: async () => other.destroy(identity, { createdBy: 'r1' }, hurried()),
          ...(capabilities.list ? { list: async () => other.list(hurried()) } : {}),
          ...(capabilities.fence ? { raise: async () => other.raise(hurried()) } : {}),
          ...(capabilities.disable
            ? {
                disable: async () => other.disable(identity, hurried()),
                enable: async () => other.enable(identity, hurried()),
              }
            : {}),
        };
        // One may say what it has found, the other may ask nobody: that they end is all that is asked.
        const whatever = async (member: string, call: Promise<unknown>): Promise<void> =>
          ended(member, call.then(noAnswer, noAnswer));
        await Promise.all([
          ended('probe', other.probe(credential, hurried())).then((a) => assertAnswers('probe', a, 'unknown')),
          ended('verify', other.verify(credential, hurried())).then((a) => assertAnswers('verify', a, 'unknown')),
          whatever('preflight', other.preflight(credential, hurried())),
          whatever('propose', other.propose(credential, hurried())),
          ended('usage', other.usage(identity, hurried())).then(({ kind }) =>
            assert.equal(kind, 'unknown', `usage answered \`${kind}\` for a target that hangs`),
          ),
          ...Object.entries(calls).map(async ([member, call]) => {
            const doing = `${member} at a target that hangs`;
            assertUncertain(on, doing, await ended(member, thrownBy(doing, call())));
          }),
        ]);
        await ended('close', other.close());
      });
    },
  },
  {
    name: 'a value that the target refuses is rejected by policy, and nothing is made of it',
    member: 'classify',
    heading: 'Errors',
    where: [originOurs],
    needs: 'refusals.policy',
    async act(on) {
      const error = await refusedCreate(on, await on.stage.refusals?.policy?.(), 'r1');
      assertSorted(on, error, ['VALUE_REJECTED', 'rejected-by-policy'], 'the value was refused');
      if (on.capabilities.list) await assertLive(on);
    },
  },
  {
    name: 'a target that refuses us is rejected by authority, and says nothing of the credential',
    member: 'classify',
    heading: 'Errors',
    needs: 'refusals.authority',
    async act(on) {
      const old = await on.make('r1');
      const config = await on.stage.refusals?.authority?.();
      const error = await refusedCreate(on, config, 'r2');
      assertSorted(on, error, ['ADMIN_REFUSED', 'PRIVILEGE_MISSING', 'rejected-by-authority'], 'we were refused');
      await on.lend(config, async (other) => {
        const answers = await other.probe(old, on.ctx('r2'));
        assertAnswers('probe', answers, 'accepted', 'unknown');
        await assertHonest(on, other, old);
      });
    },
  },
  {
    name: 'a target that is full says so for certain, and nothing makes room for the new one',
    member: 'create',
    heading: 'Mistakes of others',
    where: [twoLive],
    needs: 'refusals.quota',
    async act(on) {
      const old = await on.make('r1');
      const error = await refusedCreate(on, await on.stage.refusals?.quota?.(), 'r2');
      assertSorted(on, error, ['TARGET_FULL', 'TARGET_THROTTLED', 'TARGET_BUSY', 'transient'], 'the target was full');
      const outcome = isKeyturnError(error) ? error.facts['outcome'] : undefined;
      assert.notEqual(outcome, 'unknown', 'the target was full, and create says that nobody knows what it has made');
      await assertAccepted(on, old);
      if (on.capabilities.list) await assertLive(on, taggedAs(on, old.identity, 'r1'));
    },
  },
];

const noAnswer = (): void => undefined;

/** Of an admin that is refused: what it says it has done was done, and what it does not see is not there. */
async function assertHonest(on: Play<unknown>, refused: Connection, { identity, value }: Credential): Promise<void> {
  const { ctx, capabilities } = on;
  const told = async (call: Promise<unknown>): Promise<boolean> =>
    call.then(
      () => true,
      () => false,
    );
  if (capabilities.list) {
    const listed = await refused.list(ctx('r2')).catch(() => null);
    const isSeen = listed === null || listed.some((each) => each.identity === identity);
    assert.ok(isSeen, 'we were refused, and list shows nothing where there is one of ours: an error it must be');
  }
  const assertSo = async (isDone: boolean): Promise<void> =>
    isDone ? assertDead(on, { identity, value }) : assertAccepted(on, { identity, value });
  if (capabilities.disable) await assertSo(await told(refused.disable(identity, ctx('r2'))));
  await assertSo(await told(refused.destroy(identity, { createdBy: 'r1' }, ctx('r2'))));
}

/** *Returns* what a create threw that the target was to refuse. */
async function refusedCreate({ lend, ctx }: Play<unknown>, config: unknown, rotationId: string): Promise<unknown> {
  return lend(config, async (other) => {
    // Where the target keeps no tag, proposing asks it as well, and is refused as well.
    const propose = async () => other.propose(null, ctx(rotationId));
    const create = async () => other.create(await propose(), ctx(rotationId));
    return thrownBy('a create that the target refuses', create());
  });
}

function assertSorted(on: Play<unknown>, error: unknown, wanted: readonly string[], because: string): void {
  const sorted = sortedAs(on, error);
  assert.ok(wanted.includes(sorted), `${because}, and create threw ${errorText(error)}, sorted as ${sorted}`);
}
