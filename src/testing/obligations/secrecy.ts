import assert from 'node:assert/strict';
import type { Connection, Credential, Proposal } from '../../contract/rotator.js';
import { type Play, credentialOf } from '../rotator-harness.js';
import { capturingOutput } from '../captured-output.js';
import { whereShown } from '../shown-value.js';
import { ended, stranger } from './assertions.js';
import { type Obligation, isExclusive } from './obligation.js';

/** How long the calls of this case wait for a target that hangs. Milliseconds. */
const DEADLINE_MS = 100;

/** A rotator is led through every fault that its harness can make, and whatever it lets out is searched. */
export const secrecyObligations: readonly Obligation[] = [
  {
    name: 'neither an answer, an error, a log line, the output nor the connection shows a value',
    member: 'connect',
    heading: 'Values',
    async act(on) {
      const { witness, stage } = on;
      await capturingOutput(
        async () => leadThroughFaults(on),
        (where, text) => {
          witness.show(where, text);
          // What was found goes no further: the log of whoever judges a rotator is no place for a value either.
          return whereShown([{ where: '', what: text }], witness.values) === null;
        },
      );
      witness.show('util.inspect of the configuration', stage.config);
      witness.learn(stranger('').value);
      const shown = whereShown(witness.shown, witness.values);
      assert.equal(shown, null, `a value is shown in ${shown ?? ''}`);
    },
  },
];

async function leadThroughFaults(on: Play<unknown>): Promise<void> {
  const { stage, connection, lend, ctx, plantForeign, capabilities } = on;
  // What it throws is kept by the witness, and not judged here.
  const quietly = async (call: Promise<unknown>): Promise<void> => void (await call.catch(() => undefined));
  const proposal = await connection.propose(null, ctx('r1'));
  const made = await credentialOf(proposal, async (proposed) => connection.create(proposed, ctx('r1')));
  await quietly(connection.preflight(made, ctx('r1')));
  await quietly(connection.verify(made, ctx('r1')));
  await quietly(connection.usage(made.identity, ctx('r1')));
  await quietly(connection.list(ctx('r1')));
  if (!isExclusive(capabilities)) {
    const foreign = await plantForeign(`${made.identity}-foreign`);
    await quietly(connection.create({ ...proposal, identity: foreign }, ctx('r2')));
    await quietly(connection.destroy(foreign, { createdBy: 'r1' }, ctx('r2')));
  }
  await quietly(connection.create(proposal, ctx('r3', { signal: AbortSignal.abort() })));
  await quietly(connection.destroy(made.identity, { createdBy: 'nobody' }, ctx('r4')));
  await quietly(connection.probe(stranger(made.identity), ctx('r5')));
  await quietly(connection.verify(stranger(made.identity), ctx('r5')));
  // Of an older epoch than what it has seen.
  await quietly(connection.create(proposal, ctx('r0')));
  const { refusals } = stage;
  // What hangs is asked everything at once, so as to wait once.
  if (stage.hung !== undefined) {
    await lend(stage.hung, async (other) =>
      Promise.all(callsOf(other, on, { proposal, made }).map(async (call) => call())),
    );
  }
  const configs = [
    stage.unreachable,
    ...(stage.losingAnswers === undefined ? [] : [(await stage.losingAnswers()).config]),
  ];
  for (const refuse of [refusals?.policy, refusals?.authority, refusals?.quota]) {
    if (refuse !== undefined) configs.push(await refuse());
  }
  for (const config of configs) {
    await lend(config, async (other) => {
      for (const call of callsOf(other, on, { proposal, made })) await call();
    });
  }
  await quietly(connection.disable(made.identity, ctx('r6')));
  await quietly(connection.destroy(made.identity, { createdBy: 'r1' }, ctx('r6')));
}

/** Every call there is, hurried; what they throw is kept by the witness, and not judged here. */
function callsOf(
  connection: Connection,
  { ctx }: Play<unknown>,
  { proposal, made }: { readonly proposal: Proposal; readonly made: Credential },
): readonly (() => Promise<unknown>)[] {
  const hurried = (): ReturnType<typeof ctx> =>
    ctx('r7', { signal: AbortSignal.timeout(DEADLINE_MS), deadlineMs: DEADLINE_MS });
  const calls: readonly (() => Promise<unknown>)[] = [
    async () => connection.preflight(made, hurried()),
    async () => connection.identify(hurried()),
    async () => connection.probe(made, hurried()),
    async () => connection.verify(made, hurried()),
    async () => connection.create(proposal, hurried()),
    async () => credentialOf(await connection.propose(null, hurried()), async (p) => connection.create(p, hurried())),
    async () => connection.usage(made.identity, hurried()),
    async () => connection.disable(made.identity, hurried()),
    async () => connection.enable(made.identity, hurried()),
    async () => connection.list(hurried()),
    async () => connection.destroy(made.identity, { createdBy: 'nobody' }, hurried()),
  ];
  return calls.map((call) => async () => ended('a call', call()).catch(() => undefined));
}
