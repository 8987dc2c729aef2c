import { eventually } from '../support/eventually.js';
import type { CrashSecret } from './installation.js';
import { judge } from './judge.js';
import type { Rig } from './rig.js';
import { traceOf } from './trace.js';

/** The rotation of one secret. */
export interface Case {
  readonly secret: CrashSecret;
  readonly rotationId: string;
}

/** A busy machine comes there, an idle one at once. Milliseconds. */
export const patienceMs = 300_000;

/** Names a rotation for each secret of the rig; nothing is asked for yet. */
export function casesOf(rig: Rig): readonly Case[] {
  return rig.installation.secrets.map((secret) => ({ secret, rotationId: rig.state.newRotationId() }));
}

/** Asks for them all, as fast as the two sessions of a person allow. */
export async function askFor(rig: Rig, cases: readonly Case[]): Promise<void> {
  const left = cases.values();
  const lane = async (): Promise<void> => {
    for (const { secret, rotationId } of left) await rig.ask(secret, rotationId);
  };
  await Promise.all([lane(), lane()]);
}

/** Orders those back that are to be turned back in watch, each as soon as it has come there. Needs a worker at work. */
export async function turnBack(rig: Rig, cases: readonly Case[]): Promise<void> {
  const waiting = new Set(
    cases.filter(({ secret }) => secret.scenario === 'turned back in watch').map(({ rotationId }) => rotationId),
  );
  await eventually(
    `${waiting.size} rotation(s) come to watch`,
    async () => {
      if (waiting.size === 0) return true;
      const standing = await rig.standing([...waiting]);
      for (const [rotationId, { step }] of standing) {
        if (step !== 'watch') continue;
        await rig.state.operations.command({ rotationId, kind: 'rollback', by: 'local:test', reason: 'a test' });
        waiting.delete(rotationId);
      }
      return waiting.size === 0;
    },
    { maxMs: patienceMs, everyMs: 50 },
  ).catch(async (error: Error) => {
    const left = await Promise.all([...waiting].map((rotationId) => traceOf(rig, rotationId, [])));
    throw new Error(`${error.message}; ${left.length} did not: ${left.join('; ')}`, { cause: error });
  });
}

/** Waits until they have come to rest and judges each. *Returns* what is wrong, by rotation; [] for the sound ones. */
export async function judgeAtRest(rig: Rig, cases: readonly Case[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const standing = await rig.atRest(cases.map(({ rotationId }) => rotationId));
  const findings = new Map<string, readonly string[]>();
  for (const each of cases) findings.set(each.rotationId, await judge(rig, each, standing.get(each.rotationId)));
  return findings;
}

/** What was judged of rotations at rest. */
export interface Verdict {
  /** How many nothing is wrong with. */
  readonly sound: number;
  /** What is wrong with the others, in sentences that say which secret they are about. */
  readonly findings: readonly string[];
}

/** The same, counted. */
export async function verdictAtRest(rig: Rig, cases: readonly Case[]): Promise<Verdict> {
  const byRotation = await judgeAtRest(rig, cases);
  const of = ({ rotationId }: Case): readonly string[] => byRotation.get(rotationId) ?? ['it was not judged'];
  return {
    sound: cases.filter((each) => of(each).length === 0).length,
    findings: cases.flatMap((each) =>
      of(each).map((finding) => `${each.secret.kind}, ${each.secret.scenario}: ${finding}`),
    ),
  };
}

/** Only the sentences. */
export async function findingsAtRest(rig: Rig, cases: readonly Case[]): Promise<readonly string[]> {
  return (await verdictAtRest(rig, cases)).findings;
}
