import { type TestContext, expect, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.js';
import { reportFigure } from '../support/figures.js';
import { type Case, askFor, casesOf, patienceMs, turnBack, verdictAtRest } from './course.js';
import type { Failpoint } from './failpoints.js';
import { type Kind, kinds } from './installation.js';
import { type KillPoint, killPointsOf } from './kill-points.js';
import { type LoginProbe, probeLogins } from './login-probe.js';
import { Rig, type RigOptions } from './rig.js';
import { scenariosOf } from './scenarios.js';
import type { WorkerOrder } from './worker-messages.js';
import type { WorkerProcess } from './worker-process.js';

/**
 * True where every fault meets every kind: asked for by name, because nobody has yet seen how long all of them take
 * together.
 */
export const isLong = process.env['KEYTURN_CRASH_LONG'] === '1';

/** The kinds that a fault meets. */
export const kindsMet: readonly Kind[] = isLong ? kinds : ['two-role'];

/** Every state a rotation can be in: before each of its effects, and before each event of it is journaled. */
export const everyState: readonly KillPoint[] = kindsMet
  .flatMap(killPointsOf)
  .filter(({ position, after }) => position === 'before it is sent' && after === null);

/** A rotation of every kind in every scenario. */
export const everyCourse = kindsMet.flatMap((kind) => scenariosOf(kind).map((scenario) => ({ kind, scenario })));

/** A rig scans for leaks when it is closed. Milliseconds. */
const closeWithinMs = 600_000;

/** As shipped: who is stopped for a while on a busy machine is not to lose it. Milliseconds. */
const leaseMs = 5_000;

/** An installation in whose surroundings something is about to happen, and a consumer that logs in all the time. */
export interface Surrounded {
  readonly rig: Rig;
  readonly cases: readonly Case[];
  readonly probe: LoginProbe;
}

/** The same with a worker that has stopped in another state of each rotation. */
export interface Stopped extends Surrounded {
  readonly worker: WorkerProcess;
  /** Lets it go on with the call it stopped before. */
  readonly goOn: () => void;
}

/** Puts an installation up for one test. */
export async function surrounded(options: RigOptions): Promise<Surrounded> {
  const rig = await Rig.open(options);
  onTestFinished(async () => rig.close(), closeWithinMs);
  const probe = probeLogins(rig);
  onTestFinished(async () => void (await probe.stop()), closeWithinMs);
  return { rig, cases: casesOf(rig), probe };
}

/** The same, with a worker that is stopped at these points. */
export async function stoppedAt(
  points: readonly KillPoint[],
  options: Omit<RigOptions, 'secrets'>,
  change: Partial<WorkerOrder> = {},
): Promise<Stopped> {
  const { rig, cases, probe } = await surrounded({ ...options, secrets: points });
  const failpoints = cases.map(({ rotationId, secret }, index): Failpoint => {
    const { effect, position } = points[index]!;
    return { rotationId, secret: secret.id, effect, position, resumable: true };
  });
  const worker = await rig.worker({ concurrency: cases.length, points: failpoints, leaseMs, ...change });
  await askFor(rig, cases);
  await turnBack(rig, cases);
  await eventually('it has come to its points', async () => areStopped(rig, cases, worker), { maxMs: patienceMs });
  expect(worker.reached.length).toBeGreaterThan(cases.length / 2);
  const goOn = (): void => {
    for (const { rotationId } of cases) worker.send({ kind: 'go on', rotationId });
  };
  return { rig, cases, probe, worker, goOn };
}

/**
 * A rotation that loses its lease on a busy machine takes another course, and may end without having come to its point.
 */
async function areStopped(rig: Rig, cases: readonly Case[], { reached }: WorkerProcess): Promise<boolean> {
  const there = new Set(reached.map(({ rotationId }) => rotationId));
  const left = cases.map(({ rotationId }) => rotationId).filter((each) => !there.has(each));
  if (left.length === 0) return true;
  const standing = await rig.standing(left);
  return left.every((each) => ['completed', 'rolled_back'].includes(standing.get(each)?.status ?? ''));
}

/** Waits until every call that was stopped has been made. *Returns* what each was answered. */
export async function answersAtLast({ worker }: Stopped): Promise<readonly string[]> {
  const answers = (): readonly string[] =>
    worker.said.flatMap((message) => (message.kind === 'answered' ? [message.answer] : []));
  const isSo = (): boolean => answers().length >= worker.reached.length;
  await eventually('every call that was stopped is answered', isSo, { maxMs: patienceMs });
  return answers();
}

/** Every rotation ends as its scenario says, and no login with `current` was refused on the way. */
export async function endsAsPromised(
  context: Pick<TestContext, 'task'>,
  fault: string,
  { rig, cases, probe }: Surrounded,
): Promise<void> {
  const { sound, findings } = await verdictAtRest(rig, cases);
  await staysUp(context, `${fault}: ${cases.length} rotations, ${sound} ended as promised`, probe, findings);
}

/** No login with `current` was refused; prints how many there were beside what else was counted. */
export async function staysUp(
  context: Pick<TestContext, 'task'>,
  line: string,
  probe: LoginProbe,
  findings: readonly string[] = [],
): Promise<void> {
  const { accepted, refused } = await probe.stop();
  reportFigure(context, `surroundings, ${line}; ${accepted} logins with current, ${refused.length} refused`);
  expect(findings).toEqual([]);
  expect(refused).toEqual([]);
  expect(accepted).toBeGreaterThan(0);
}
