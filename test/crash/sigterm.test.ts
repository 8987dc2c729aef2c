import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.js';
import { reportFigure } from '../support/figures.js';
import { isLong } from '../support/length.js';
import { type Case, askFor, casesOf, findingsAtRest, patienceMs, turnBack, verdictAtRest } from './course.js';
import type { Failpoint } from './failpoints.js';
import { kinds } from './installation.js';
import { type KillPoint, killPointsOf } from './kill-points.js';
import { Rig } from './rig.js';
import type { WorkerProcess } from './worker-process.js';

/** One point in every step and in every undo of one, of every kind or of the one that has most of them. */
const points: readonly KillPoint[] = (isLong ? kinds : (['two-role'] as const))
  .flatMap(killPointsOf)
  .filter(({ position, after }) => position === 'before it is sent' && after === null);

/** What supervisors give a process before they kill it. Milliseconds. */
const supervisorsWaitMs = 30_000;

interface Asked {
  readonly rig: Rig;
  readonly cases: readonly Case[];
  readonly worker: WorkerProcess;
}

/** A worker that is in the middle of a call in each of these rotations. */
async function inTheMiddle(chosen: readonly KillPoint[]): Promise<Asked> {
  const rig = await Rig.open({ queue: 'postgres', secrets: chosen });
  onTestFinished(async () => rig.close());
  const cases = casesOf(rig);
  const failpoints = cases.map(({ rotationId, secret }, index): Failpoint => {
    const { effect, position } = chosen[index]!;
    return { rotationId, secret: secret.id, effect, position, resumable: true };
  });
  const worker = await rig.worker({ concurrency: cases.length, leaseMs: null, points: failpoints });
  await askFor(rig, cases);
  await turnBack(rig, cases);
  await eventually('it has come to its points', () => worker.reached.length >= cases.length, { maxMs: patienceMs });
  return { rig, cases, worker };
}

async function endsInTime(worker: WorkerProcess): Promise<void> {
  await eventually('the process has ended', () => worker.end !== undefined, { maxMs: supervisorsWaitMs });
}

describe('a worker that gets a SIGTERM', () => {
  it('ends the call it is in, hands over, and the rotation loses nothing', { timeout: 900_000 }, async (context) => {
    const { rig, cases, worker } = await inTheMiddle(points);
    worker.signal('SIGTERM');
    for (const { rotationId } of cases) worker.send({ kind: 'go on', rotationId });
    await endsInTime(worker);
    expect(worker.end).toEqual({ code: 0, signal: null });
    const open = [...(await rig.standing(cases.map(({ rotationId }) => rotationId))).values()].filter(
      ({ status }) => status === 'running' || status === 'rolling_back',
    );
    expect(open.length).toBeGreaterThan(cases.length / 2);
    await rig.worker({ concurrency: 32 });
    const { sound, findings } = await verdictAtRest(rig, cases);
    reportFigure(context, `SIGTERM in the middle of a step: ${sound} sound / ${cases.length}`);
    expect(findings).toEqual([]);
  });

  it.runIf(isLong)('ends although a call never does, and another worker takes over', { timeout: 900_000 }, async () => {
    const never = points.filter(({ kind, scenario }) => kind === 'two-role' && scenario === 'success');
    const { rig, cases, worker } = await inTheMiddle(never);
    worker.signal('SIGTERM');
    await endsInTime(worker);
    expect(worker.end).toEqual({ code: 0, signal: null });
    await rig.worker({ concurrency: 32 });
    expect(await findingsAtRest(rig, cases)).toEqual([]);
  });
});
