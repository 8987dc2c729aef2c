import { eventually } from '../support/eventually.js';
import type { Failpoint } from './failpoints.js';
import type { CrashSecret } from './installation.js';
import { acceptsCurrent, judge } from './judge.js';
import { type KillPoint, nameOf } from './kill-points.js';
import { type QueueKind, Rig } from './rig.js';
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
  /** Processes that were sent SIGKILL. */
  readonly killed: number;
  /** A sentence for each kill point that did not end well, with the command that replays it. */
  readonly findings: readonly string[];
}

interface Case {
  readonly point: KillPoint;
  readonly secret: CrashSecret;
  readonly rotationId: string;
}

/**
 * Kills the worker of a rotation at every point, each in a rotation of its own, lets another worker finish, and judges
 * the world. In batches: while the victims of one wait at their points nobody else may work, for he would take over.
 */
export async function runMatrix(options: MatrixOptions): Promise<MatrixResult> {
  const { points, queue, victims, rotationsEach } = options;
  const rig = await Rig.open({ queue, secrets: points });
  try {
    const cases = points.map((point, index): Case => {
      return { point, secret: rig.installation.secrets[index]!, rotationId: rig.state.newRotationId() };
    });
    const findings: string[] = [];
    let killed = 0;
    const replacement = rig.process();
    const batches = batchesOf(cases, victims * rotationsEach);
    const processes = (): readonly WorkerProcess[] => Array.from({ length: victims }, () => rig.process());
    let warm = processes();
    for (const [index, batch] of batches.entries()) {
      const isTakenOver = batch.some(({ point }) => point.after !== null);
      const now = isTakenOver ? [warm, processes()] : [warm];
      // The next ones load their modules while these are at work.
      warm = index + 1 < batches.length ? processes() : [];
      findings.push(...(await runBatch({ rig, batch, victims: now, replacement, options })));
      killed += now.length * victims;
    }
    return { points: points.length, killed, findings };
  } finally {
    await rig.close();
  }
}

/** Those with a takeover before their point are on their own: their victims are two after each other. */
function batchesOf(cases: readonly Case[], size: number): readonly (readonly Case[])[] {
  const batches: (readonly Case[])[] = [];
  const twice = cases.filter(({ point }) => point.after !== null);
  for (const group of [cases.filter(({ point }) => point.after === null), twice]) {
    for (let from = 0; from < group.length; from += size) batches.push(group.slice(from, from + size));
  }
  return batches;
}

interface Batch {
  readonly rig: Rig;
  readonly batch: readonly Case[];
  /** Those who are killed one after the other, the last at the points themselves. */
  readonly victims: readonly (readonly WorkerProcess[])[];
  readonly replacement: WorkerProcess;
  readonly options: MatrixOptions;
}

async function runBatch({ rig, batch, victims, replacement, options }: Batch): Promise<readonly string[]> {
  const { leaseMs } = options;
  const lease = leaseMs === undefined ? {} : { leaseMs };
  const findings = new Map<string, string[]>(batch.map(({ rotationId }) => [rotationId, []]));
  for (const [index, each] of victims.entries()) {
    const points = batch.map((one) => failpointOf(one, index === victims.length - 1));
    const order = { concurrency: options.rotationsEach, ...lease, points };
    await Promise.all(each.map((victim) => rig.worker(order, victim)));
    if (index === 0) await Promise.all(batch.map(({ secret, rotationId }) => rig.ask(secret, rotationId)));
    await turnBack(rig, batch);
    await reachedBy(rig, batch, each, findings);
    await Promise.all(each.map((victim) => victim.kill()));
  }
  await Promise.all(
    batch.map(async ({ secret, point, rotationId }) => {
      // The gap of an in-place change is declared; nobody else may see one.
      const inGap = secret.kind === 'in-place' && / swap$/.test(point.effect);
      if (!inGap && !(await acceptsCurrent(rig, secret)))
        findings.get(rotationId)?.push('with its worker dead, what current names is refused');
    }),
  );
  await rig.worker({ concurrency: 32, ...lease }, replacement);
  const ids = batch.map(({ rotationId }) => rotationId);
  const standing = await rig.atRest(ids);
  await replacement.stopWorker();
  for (const { secret, rotationId } of batch) {
    findings.get(rotationId)?.push(...(await judge(rig, { secret, rotationId }, standing.get(rotationId))));
  }
  return batch.flatMap(({ point, rotationId }) =>
    (findings.get(rotationId) ?? []).map((finding) => `${nameOf(point)}: ${finding}; ${replayOf(point, options)}`),
  );
}

function failpointOf({ point, secret, rotationId }: Case, isLast: boolean): Failpoint {
  const { effect, position } = isLast || point.after === null ? point : point.after;
  return { rotationId, secret: secret.id, effect, position, resumable: false };
}

/** A person orders rotations back that have come as far as watch. */
async function turnBack(rig: Rig, batch: readonly Case[]): Promise<void> {
  const waiting = new Set(
    batch.filter(({ secret }) => secret.scenario === 'turned back in watch').map(({ rotationId }) => rotationId),
  );
  await eventually(
    `${waiting.size} rotation(s) come to watch`,
    async () => {
      const standing = await rig.standing([...waiting]);
      for (const [rotationId, { step }] of standing) {
        if (step !== 'watch') continue;
        const order = { rotationId, kind: 'rollback', by: 'local:test', reason: 'a test' } as const;
        await rig.state.operations.command(order);
        waiting.delete(rotationId);
      }
      return waiting.size === 0;
    },
    { maxMs: 60_000, everyMs: 50 },
  );
}

/** Waits until every rotation has come to its point; one that comes to rest instead is a finding. */
async function reachedBy(
  rig: Rig,
  batch: readonly Case[],
  victims: readonly WorkerProcess[],
  findings: ReadonlyMap<string, string[]>,
): Promise<void> {
  const missing = (): readonly string[] => {
    const reached = new Set(victims.flatMap((victim) => victim.reached.map(({ rotationId }) => rotationId)));
    return batch.map(({ rotationId }) => rotationId).filter((each) => !reached.has(each));
  };
  let closed: readonly string[] = [];
  await eventually(
    'every worker comes to its points',
    async () => {
      const left = missing();
      if (left.length === 0) return true;
      const standing = await rig.standing(left);
      closed = left.filter((each) => !['running', 'rolling_back'].includes(standing.get(each)?.status ?? ''));
      return closed.length === left.length;
    },
    { maxMs: 60_000, everyMs: 50 },
  ).catch(() => undefined);
  const left = missing();
  const standing = left.length === 0 ? null : await rig.standing(left);
  for (const rotationId of left) {
    const { status, step } = standing?.get(rotationId) ?? { status: 'unknown', step: '?' };
    findings.get(rotationId)?.push(`its worker never came to this point; it was ${status} in ${step}`);
  }
}

/** The command that runs one kill point alone. */
function replayOf(point: KillPoint, { queue }: MatrixOptions): string {
  return `replay: KEYTURN_KILL_POINT='${nameOf(point)}' KEYTURN_KILL_QUEUE=${queue} npx vitest run test/crash/kill-matrix.test.ts`;
}

/** Those whose name holds what `KEYTURN_KILL_POINT` says; all of them where it says nothing. */
export function chosen(points: readonly KillPoint[]): readonly KillPoint[] {
  const wanted = process.env['KEYTURN_KILL_POINT'] ?? '';
  return points.filter((point) => nameOf(point).includes(wanted));
}

/** One kind after the other in an installation of its own each, all of them at the same time. */
export async function runMatrices(
  kindPoints: readonly (readonly KillPoint[])[],
  options: Omit<MatrixOptions, 'points'>,
): Promise<MatrixResult> {
  const results = await Promise.all(
    kindPoints.filter((points) => points.length > 0).map((points) => runMatrix({ ...options, points })),
  );
  return {
    points: results.reduce((sum, each) => sum + each.points, 0),
    killed: results.reduce((sum, each) => sum + each.killed, 0),
    findings: results.flatMap((each) => each.findings),
  };
}
