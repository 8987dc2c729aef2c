import { assertAccepted, assertCode, stranger } from './assertions.js';
import { type Obligation, capable } from './obligation.js';

const where = [capable('fence', true)];
const heading = 'The context of a call';

/** What a rotator promises whose target keeps our token. */
export const fencingObligations: readonly Obligation[] = [
  {
    name: 'once the fence is raised, an older epoch changes nothing',
    member: 'raise',
    heading,
    where,
    async act(on) {
      const { stage, connection, lend, ctx } = on;
      const proposal = await connection.propose(null, ctx('r1'));
      await connection.create(proposal, ctx('r1'));
      const made = { identity: proposal.identity, value: proposal.value ?? stranger('').value };
      // By another process: a fence that is kept in this one is none.
      await lend(stage.config, async (other) => other.raise(ctx('r5')));
      const late = 'of an older epoch';
      await assertCode('STALE_EPOCH', `a create ${late}`, connection.create(proposal, ctx('r4')));
      await assertCode(
        'STALE_EPOCH',
        `a destroy ${late}`,
        connection.destroy(made.identity, { createdBy: 'r1' }, ctx('r4')),
      );
      await assertCode('STALE_EPOCH', `a raise ${late}`, connection.raise(ctx('r4')));
      if (on.capabilities.disable) {
        await assertCode('STALE_EPOCH', `a disable ${late}`, connection.disable(made.identity, ctx('r4')));
        await assertCode('STALE_EPOCH', `an enable ${late}`, connection.enable(made.identity, ctx('r4')));
      }
      await assertAccepted(on, made);
      await connection.raise(ctx('r5'));
    },
  },
  {
    name: 'a token that should be there and is not refuses the change',
    member: 'create',
    heading,
    where,
    async act({ connection, ctx }) {
      const proposal = await connection.propose(null, ctx('r1'));
      const known = ctx('r1', { fence: { era: 1, epoch: 1, known: true } });
      await assertCode('FENCE_MISSING', 'a change where the token is gone', connection.create(proposal, known));
    },
  },
  {
    name: 'a later era is newer than any epoch of an earlier one',
    member: 'raise',
    heading,
    where,
    async act({ stage, connection, lend, ctx, make }) {
      const made = await make('r1');
      const later = ctx('r1', { fence: { era: 2, epoch: 1, known: true } });
      await lend(stage.config, async (other) => other.raise(later));
      await assertCode('STALE_EPOCH', 'a create of an earlier era', connection.create(made, ctx('r99')));
    },
  },
];
