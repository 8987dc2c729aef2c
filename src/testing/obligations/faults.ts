import assert from 'node:assert/strict';
import type { Connection } from '../../contract/rotator.js';
import type { Play } from '../rotator-harness.js';
import {
  assertAccepted,
  assertAnswers,
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
          ...(capabilities.disable ? { disable: async () => other.disable(identity, hurried()) } : {}),
        };
        await Promise.all([
          ended('probe', other.probe(credential, hurried())).then((a) => assertAnswers('probe', a, 'unknown')),
          ended('verify', other.verify(credential, hurried())).then((a) => assertAnswers('verify', a, 'unknown')),
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
      });
      await assertAccepted(on, old);
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
      const sorted = sortedAs(on, error);
      const misleading = [
        'STEP_FAILED',
        'VALUE_REJECTED',
        'ADMIN_REFUSED',
        'PRINCIPAL_IN_USE',
        'unknown',
        'rejected-by-policy',
      ];
      assert.ok(
        !misleading.includes(sorted),
        `the target was full, and create threw ${errorText(error)}, sorted as ${sorted}`,
      );
      await assertAccepted(on, old);
      if (on.capabilities.list) await assertLive(on, taggedAs(on, old.identity, 'r1'));
    },
  },
];

/** *Returns* what a create threw that the target was to refuse. */
async function refusedCreate({ lend, ctx }: Play<unknown>, config: unknown, rotationId: string): Promise<unknown> {
  return lend(config, async (other) => {
    const proposal = await other.propose(null, ctx(rotationId));
    return thrownBy('a create that the target refuses', other.create(proposal, ctx(rotationId)));
  });
}

function assertSorted(on: Play<unknown>, error: unknown, wanted: readonly string[], because: string): void {
  const sorted = sortedAs(on, error);
  assert.ok(wanted.includes(sorted), `${because}, and create threw ${errorText(error)}, sorted as ${sorted}`);
}
