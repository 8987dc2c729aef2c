import assert, { AssertionError } from 'node:assert/strict';
import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { CONTRACT, type RefusedLogins } from '../../contract/rotator.js';
import { isSecret, openSecret } from '../../core/secret.js';
import { assertAccepted, errorText, stranger } from './assertions.js';
import { type Obligation, capable, oneLive, propagationMsOf, twoLive } from './obligation.js';

const heading = 'What you declare';

/** What a rotator says of itself, and whether it is so: what it claims and cannot, and what it can and does not say. */
export const declaredObligations: readonly Obligation[] = [
  {
    name: 'the name is one that journals can keep, and the contract is the one it was tested with',
    member: 'name',
    heading,
    async act({ rotator }) {
      assert.match(rotator.name, /^[a-z][a-z0-9-]*$/, 'the name is not lower case letters, digits and dashes');
      assert.equal(rotator.contract, CONTRACT, `it was built for contract ${rotator.contract}, this is ${CONTRACT}`);
    },
  },
  {
    name: 'the capabilities are those the harness was told, the same each time',
    member: 'capabilities',
    heading,
    async act({ rotator, stage, capabilities }) {
      assert.deepEqual(
        rotator.capabilities(stage.config),
        capabilities,
        'capabilities(config) are others than the harness says',
      );
      assert.deepEqual(
        rotator.capabilities(stage.config),
        capabilities,
        'capabilities(config) change from call to call',
      );
      for (const ms of [capabilities.settleMs, propagationMsOf(capabilities)]) {
        assert.ok(Number.isFinite(ms) && ms >= 0, 'a time among the capabilities is not a number of milliseconds');
      }
    },
  },
  {
    name: 'the principal has a name, the same each time',
    member: 'principal',
    heading,
    async act({ rotator, stage }) {
      assert.notEqual(rotator.principal(stage.config), '', 'the principal is empty');
      assert.equal(rotator.principal(stage.config), rotator.principal(stage.config), 'the principal changes');
    },
  },
  {
    name: 'a setting nobody knows is refused by the schema',
    member: 'config',
    heading,
    async act({ rotator, stage }) {
      const given = { ...(stage.config as object), 'no-such-setting': 'anything' };
      assert.equal(
        rotator.config.safeParse(given).success,
        false,
        'the schema takes an unknown key: use z.strictObject',
      );
    },
  },
  {
    name: 'a value comes from whom the declared origin names',
    member: 'capabilities',
    heading,
    async act({ connection, ctx, capabilities: { origin } }) {
      const proposal = await connection.propose(null, ctx('r1'));
      const created = await connection.create(proposal, ctx('r1'));
      const [chosen, given] = [proposal.value !== undefined, created.value !== undefined];
      assert.equal(
        chosen,
        origin === 'ours',
        `it declares origin: '${origin}', and propose gave ${chosen ? 'a' : 'no'} value`,
      );
      assert.equal(
        given,
        origin === 'provider',
        `it declares origin: '${origin}', and create gave ${given ? 'a' : 'no'} value`,
      );
      const value = created.value ?? proposal.value;
      assert.ok(isSecret(value), 'the value is no Secret');
      assert.ok(openSecret(value).length >= 16, 'the value has less than 128 bits');
    },
  },
  {
    name: 'one that says it has one live credential has no second one',
    member: 'capabilities',
    heading,
    where: [oneLive],
    async act(on) {
      const old = await on.make('r1');
      const fresh = await on.make('r2', old);
      const answers = await on.connection.probe(old, on.ctx('r2'));
      const isAlive = answers.length > 0 && answers.every(({ answer }) => answer === 'accepted');
      assert.ok(!isAlive, "it declares overlap: 'one-live', and the old credential is still accepted: say 'two-live'");
      await assertAccepted(on, fresh);
    },
  },
  {
    name: 'one that says it cannot list shows nothing',
    member: 'capabilities',
    heading,
    where: [capable('list', false)],
    async act({ connection, ctx, make }) {
      const { identity } = await make('r1');
      const listed = await connection.list(ctx('r1')).catch(() => []);
      const isShown = listed.some((each) => each.identity === identity);
      assert.ok(!isShown, 'it declares list: false, and list shows what it made: say true');
    },
  },
  {
    name: 'one that says it sees no usage answers `unknown`',
    member: 'capabilities',
    heading,
    where: [capable('usage', false)],
    async act({ connection, ctx, make }) {
      const { identity } = await make('r1');
      const { kind } = await connection.usage(identity, ctx('r1'));
      assert.equal(kind, 'unknown', `it declares usage: false, and usage answers \`${kind}\`: a guess, or say true`);
    },
  },
  {
    name: 'one that says it cannot switch off leaves the credential as it is',
    member: 'capabilities',
    heading,
    where: [capable('disable', false), twoLive],
    async act(on) {
      const made = await on.make('r1');
      await on.connection.disable(made.identity, on.ctx('r1')).catch(() => undefined);
      const answers = await on.connection.probe(made, on.ctx('r1'));
      const isOff = answers.some(({ answer }) => answer === 'refused' || answer === 'absent');
      assert.ok(!isOff, 'it declares disable: false, and disable switched it off: say true, if enable undoes it');
    },
  },
  {
    name: 'one that says it ends no sessions has ended none',
    member: 'capabilities',
    heading,
    where: [capable('endsSessions', false), capable('disable', true)],
    async act({ connection, ctx, make }) {
      const { identity } = await make('r1');
      const { endedSessions } = await connection.disable(identity, ctx('r1'));
      assert.equal(endedSessions, 0, `it declares endsSessions: false, and disable says it ended ${endedSessions}`);
    },
  },
  {
    name: 'one that says it has no fence refuses no older epoch',
    member: 'capabilities',
    heading,
    where: [capable('fence', false)],
    async act({ connection, ctx }) {
      const proposal = await connection.propose(null, ctx('r1'));
      await connection.raise(ctx('r5')).catch(() => undefined);
      try {
        await connection.create(proposal, ctx('r1'));
      } catch (error) {
        assert.fail(`it declares fence: false, and after a raise create threw ${errorText(error)}: say true`);
      }
    },
  },
  {
    name: 'the preflight of a target that is well finds nothing',
    member: 'preflight',
    heading: 'What you promise',
    async act({ connection, ctx, make }) {
      const made = await make('r1');
      const findings = await connection.preflight(made, ctx('r2'));
      assert.deepEqual(findings, [], `preflight finds: ${findings.map(({ sentence }) => sentence).join('; ')}`);
    },
  },
  {
    name: 'the preflight of a target that does not answer is not well, and says what to do',
    member: 'preflight',
    heading: 'What you promise',
    async act({ stage, lend, ctx }) {
      const findings = await lend(stage.unreachable, async (other) => other.preflight(null, ctx('r1'))).catch(
        () => null,
      );
      if (findings === null) return;
      assert.notEqual(findings.length, 0, 'preflight finds nothing at a target that does not answer');
      assert.ok(
        findings.every(({ sentence, cure }) => sentence !== '' && cure !== ''),
        'a finding has no cure',
      );
    },
  },
  {
    name: 'a target has an identifier, the same each time',
    member: 'identify',
    heading: 'What you promise',
    async act({ stage, connection, lend, ctx, note }) {
      const first = await connection.identify(ctx('r1'));
      assert.notEqual(first.system, '', 'the identifier is empty');
      assert.deepEqual(await connection.identify(ctx('r2')), first, 'the identifier changes from call to call');
      const again = await lend(stage.config, async (other) => other.identify(ctx('r2')));
      assert.deepEqual(again, first, 'another connection gives another identifier');
      if (stage.losingAnswers === undefined) return note('the harness has no other line: it was asked at one address');
      const { config } = await stage.losingAnswers();
      const moved = await lend(config, async (other) => other.identify(ctx('r2')));
      assert.deepEqual(moved, first, 'the same target at another address has another identifier');
    },
  },
  {
    name: 'an error that means nothing to it is sorted as `unknown`',
    member: 'classify',
    heading: 'Errors',
    async act({ rotator }) {
      for (const error of [undefined, 'text', {}, new Error('something nobody has foreseen')]) {
        const sorted = rotator.classify(error);
        assert.equal(sorted, 'unknown', `classify sorts ${errorText(error)} as ${sorted}`);
      }
    },
  },
  {
    name: 'a refused login is told of by where it came from, since a mark',
    member: 'refusedLogins',
    heading: 'What you declare',
    where: [capable('refusedLogins', true)],
    async act({ connection, ctx, make }) {
      const made = await make('r1');
      const told = async (mark: string | null): Promise<Extract<RefusedLogins, { kind: 'known' }>> => {
        assert.ok(connection.refusedLogins !== undefined, 'it declares refusedLogins: true and has no such member');
        const answer = await connection.refusedLogins(made.identity, mark, ctx('r1'));
        if (answer.kind !== 'known')
          throw new AssertionError({ message: `refusedLogins answers unknown: ${answer.reason}` });
        return answer;
      };
      const before = await told(null);
      assert.deepEqual(before.from, [], 'without a mark it tells of logins all the same');
      await connection.probe({ identity: made.identity, value: stranger('').value }, ctx('r1'));
      // Logs are written by somebody else, in his time.
      let after = await told(before.mark);
      for (let tries = 0; after.from.length === 0 && tries < 100; tries += 1) {
        await delay(50);
        after = await told(before.mark);
      }
      assert.equal(after.from.length, 1, 'a login that was refused since the mark is not told of');
      assert.ok(after.from[0] !== undefined && isIP(after.from[0]) !== 0, 'where it came from is not an address');
      assert.deepEqual((await told(after.mark)).from, [], 'what is older than the mark is told of again');
      const fresh = await make('r2', made);
      const ofFresh = await connection.refusedLogins?.(fresh.identity, before.mark, ctx('r2'));
      assert.ok(ofFresh?.kind === 'known' && ofFresh.from.length === 0, 'it tells of logins of another credential');
    },
  },
  {
    name: 'usage counts a session that is open',
    member: 'usage',
    heading: 'What you promise',
    where: [capable('usage', true)],
    async act({ stage, connection, ctx, make, capabilities }) {
      const made = await make('r1');
      const none = await connection.usage(made.identity, ctx('r1'));
      assert.deepEqual(
        none,
        { kind: 'known', sessions: 0, youngestAgeMs: null, oldestAgeMs: null },
        'usage does not say that nobody uses a new credential',
      );
      await stage.openSession(made);
      const one = await connection.usage(made.identity, ctx('r1'));
      assert.ok(one.kind === 'known' && one.sessions === 1, 'usage does not count the session that is open');
      assert.ok(one.youngestAgeMs !== null && one.youngestAgeMs >= 0, 'usage does not say how old the session is');
      if (capabilities.overlap === 'one-live') return;
      const fresh = await make('r2', made);
      const ofFresh = await connection.usage(fresh.identity, ctx('r2'));
      assert.ok(ofFresh.kind === 'known' && ofFresh.sessions === 0, 'usage counts the sessions of another credential');
    },
  },
];
