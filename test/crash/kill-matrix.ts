import { fold } from '../../src/core/rotation.js';
import { eventually } from '../support/eventually.js';
import { type Case, askFor, casesOf, judgeAtRest, patienceMs, turnBack } from './course.js';
import type { Failpoint } from './failpoints.js';
import { acceptsCurrent } from './judge.js';
import { type KillPoint, nameOf } from './kill-points.js';
import { type QueueKind, Rig } from './rig.js';
import { traceOf } from './trace.js';
import type { WorkerProcess } from './worker-process.js';

/** How the kills of a matrix are shared out. */
export interface MatrixOptions {
  readonly queue: QueueKind;
  readonly points: readonly KillPoint[];
  /** Worker processes that are stopped at their points and killed at the same time. */
  readonly victims: number;
  /** Rotations that each of them has in hand when it is killed. */
  readonly rotationsEach: number;
  /** Null: as shipped. Default: that of the rig. */
  readonly leaseMs?: number | null;
}

/** What a matrix has shown. */
export interface MatrixResult {
  readonly points: number;
  /** Kill points that did not end well. */
  readonly failed: number;
  /** Processes that were sent SIGKILL. */
  readonly killed: number;
  /** What is wrong, a sentence each with the command that replays it. */
  readonly findings: readonly string[];
}

interface Kill extends Case {
  readonly point: KillPoint;
}

/**
 * Kills the worker of a rotation at every point, each in a rotation of its own, lets another worker finish, and judges
 * the world. In batches: while the victims of one wait at their points nobody else may work, for he would take over.
 */
export async function runMatrix(options: MatrixOptions): Promise<MatrixResult> {
  const { points, queue } = options;
  const rig = await Rig.open({ queue, secrets: points });
  try {
    const kills = casesOf(rig).map((each, index): Kill => ({ ...each, point: points[index]! }));
    const findings = new Map<string, readonly string[]>();
    let killed = 0;
    const replacement = rig.process();
    const batches = batchesOf(kills, options);
    const processes = (count = 0): readonly WorkerProcess[] => Array.from({ length: count }, () => rig.process());
    let warm = processes(batches[0]?.victims);
    for (const [index, { kills: batch, victims, isTakenOver }] of batches.entries()) {
      const now = isTakenOver ? [warm, processes(victims)] : [warm];
      // The next ones load their modules while these are at work.
      warm = processes(batches[index + 1]?.victims);
      const found = await runBatch({ rig, batch, victims: now, replacement, options });
      for (const [rotationId, each] of found) {
        if (each.length === 0) continue;
        findings.set(rotationId, [...each, await traceOf(rig, rotationId, [...now.flat(), replacement])]);
      }
      killed += now.flat().length;
    }
    return {
      points: points.length,
      failed: findings.size,
      killed,
      findings: kills.flatMap(({ rotationId, point }) =>
        (findings.get(rotationId) ?? []).map((each) => `${nameOf(point)}: ${each}; ${replayOf(point, options)}`),
      ),
    };
  } finally {
    await rig.close();
  }
}

interface Planned {
  readonly kills: readonly Kill[];
  readonly victims: number;
  /** True: a worker is killed before those at the points, so that they take over. */
  readonly isTakenOver: boolean;
}

function batchesOf(kills: readonly Kill[], { victims, rotationsEach }: MatrixOptions): readonly Planned[] {
  const batches: Planned[] = [];
  for (const isTakenOver of [false, true]) {
    const group = kills.filter(({ point }) => (point.after !== null) === isTakenOver);
    for (let from = 0; from < group.length; from += victims * rotationsEach) {
      const batch = group.slice(from, from + victims * rotationsEach);
      batches.push({ kills: batch, victims: Math.min(victims, Math.ceil(batch.length / rotationsEach)), isTakenOver });
    }
  }
  return batches;
}

interface Batch {
  readonly rig: Rig;
  readonly batch: readonly Kill[];
  /** Those who are killed one after the other, the last at the points themselves. */
  readonly victims: readonly (readonly WorkerProcess[])[];
  readonly replacement: WorkerProcess;
  readonly options: MatrixOptions;
}

async function runBatch(running: Batch): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rig, batch, victims, replacement, options } = running;
  const lease = options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs };
  const findings = new Map<string, string[]>(batch.map(({ rotationId }) => [rotationId, []]));
  for (const [index, each] of victims.entries()) {
    const points = batch.map((one) => failpointOf(one, index === victims.length - 1));
    const order = { concurrency: options.rotationsEach, ...lease, points };
    await Promise.all(each.map((victim) => rig.worker(order, victim)));
    if (index === 0) {
      await askFor(rig, batch);
      await turnBack(rig, batch);
    }
    for (const [rotationId, finding] of await missing(rig, batch, each)) findings.get(rotationId)?.push(finding);
    await Promise.all(each.map((victim) => victim.kill()));
  }
  for (const each of batch) {
    if (!(await acceptsCurrent(rig, each.secret)) && !(await isInGap(rig, each)))
      findings.get(each.rotationId)?.push('with its worker dead, what current names is refused');
  }
  await rig.worker({ concurrency: 32, ...lease }, replacement);
  for (const [rotationId, found] of await judgeAtRest(rig, batch)) findings.get(rotationId)?.push(...found);
  await replacement.stopWorker();
  return findings;
}

/** The gap of an in-place change is declared, and lasts until its swap is done or undone; nobody else may see one. */
async function isInGap(rig: Rig, { secret, rotationId }: Kill): Promise<boolean> {
  if (secret.kind !== 'in-place') return false;
  return fold(await rig.state.views.events(rotationId, 0)).intent?.step === 'swap';
}

function failpointOf({ point, secret, rotationId }: Kill, isLast: boolean): Failpoint {
  const { effect, position } = isLast || point.after === null ? point : point.after;
  return { rotationId, secret: secret.id, effect, position, resumable: false };
}

/** Waits until every rotation has come to its point. *Returns* those that came to rest instead, or nowhere. */
async function missing(
  rig: Rig,
  batch: readonly Kill[],
  victims: readonly WorkerProcess[],
): Promise<ReadonlyMap<string, string>> {
  const left = (): readonly string[] => {
    const reached = new Set(victims.flatMap((victim) => victim.reached.map(({ rotationId }) => rotationId)));
    return batch.map(({ rotationId }) => rotationId).filter((each) => !reached.has(each));
  };
  // At a point behind the last commit the rotation is at rest before its worker can say that it is there.
  const endsBefore = new Set(batch.filter(({ point }) => isBehindTheEnd(point)).map(({ rotationId }) => rotationId));
  await eventually(
    'every worker comes to its points',
    async () => {
      if (victims.some(({ end }) => end !== undefined)) return true;
      const standing = await rig.standing(left());
      return left().every((rotationId) => {
        const status = standing.get(rotationId)?.status;
        return !endsBefore.has(rotationId) && status !== 'running' && status !== 'rolling_back';
      });
    },
    { maxMs: patienceMs, everyMs: 50 },
  ).catch(() => undefined);
  for (const { end, errors } of victims) {
    if (end !== undefined)
      throw new Error(`a worker ended by itself (${end.code ?? end.signal}): ${errors.slice(-2_000)}`);
  }
  const standing = await rig.standing(left());
  return new Map(
    left().map((rotationId) => {
      const { status, step } = standing.get(rotationId) ?? { status: 'unknown', step: '?' };
      return [rotationId, `its worker never came to this point; it was ${status} in ${step}`];
    }),
  );
}

function isBehindTheEnd({ effect, position }: KillPoint): boolean {
  return effect === 'journal.append of RotationClosed' && position !== 'before it is sent';
}

const suiteOf = ({ kind }: KillPoint): string => (kind === 'api-key' ? 'api-key-kill' : 'kill-matrix');

/** The command that runs one kill point alone. */
function replayOf(point: KillPoint, { queue }: MatrixOptions): string {
  return `replay: KEYTURN_TEST_LONG=1 KEYTURN_KILL_POINT='${nameOf(point)}' KEYTURN_KILL_QUEUE=${queue} npx vitest run test/crash/${suiteOf(point)}.test.ts`;
}

/** Those whose name holds what `KEYTURN_KILL_POINT` says; all of them where it says nothing. */
export function chosen(points: readonly KillPoint[]): readonly KillPoint[] {
  const wanted = process.env['KEYTURN_KILL_POINT'] ?? '';
  return points.filter((point) => nameOf(point).includes(wanted));
}

/** Several at the same time, each in an installation of its own. */
export async function runMatrices(matrices: readonly MatrixOptions[]): Promise<MatrixResult> {
  const results = await Promise.all(matrices.filter(({ points }) => points.length > 0).map(runMatrix));
  const sum = (of: (result: MatrixResult) => number): number => results.reduce((total, each) => total + of(each), 0);
  return {
    points: sum((each) => each.points),
    failed: sum((each) => each.failed),
    killed: sum((each) => each.killed),
    findings: results.flatMap((each) => each.findings),
  };
}
