import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { reportFigure } from '../support/figures.js';
import { type Case, askFor, casesOf, findingsAtRest, patienceMs, turnBack } from './course.js';
import type { Failpoint } from './failpoints.js';
import { kinds } from './installation.js';
import { type KillPoint, killPointsOf, nameOf } from './kill-points.js';
import { Rig } from './rig.js';
import type { WorkerProcess } from './worker-process.js';

/**
 * Where a late call is made. A folder cannot fence: what arrives there later than the rotator says it can is beyond what
 * it promises, so its own calls are left out.
 */
const points: readonly KillPoint[] = kinds
  .flatMap(killPointsOf)
  .filter(({ position, after }) => position === 'before it is sent' && after === null)
  .filter(({ kind, effect }) => kind !== 'random' || !effect.startsWith('target'));

/** What a worker is answered that has lost: by the fence at the target, by the store, by the journal. */
const refusals = ['STALE_EPOCH', 'STORE_STALE', 'lost'];

describe('a worker that was stopped for longer than its lease', () => {
  let rig: Rig;
  let stalled: WorkerProcess;
  let cases: readonly Case[];
  const pointOf = new Map<string, KillPoint>();

  beforeAll(async () => {
    rig = await Rig.open({ queue: 'postgres', secrets: points });
    cases = casesOf(rig);
    cases.forEach(({ rotationId }, index) => pointOf.set(rotationId, points[index]!));
    const failpoints = cases.map(({ rotationId, secret }): Failpoint => {
      const { effect, position } = pointOf.get(rotationId)!;
      return { rotationId, secret: secret.id, effect, position, resumable: true };
    });
    const other = rig.process();
    stalled = await rig.worker({ concurrency: cases.length, leaseMs: null, points: failpoints });
    await askFor(rig, cases);
    await turnBack(rig, cases);
    await eventually('it has come to its points', () => stalled.reached.length >= cases.length, { maxMs: patienceMs });
    stalled.signal('SIGSTOP');
    await rig.worker({ concurrency: 32 }, other);
  }, 900_000);

  afterAll(async () => rig.close());

  it('is replaced: every rotation ends sound without it', { timeout: 900_000 }, async () => {
    expect(await findingsAtRest(rig, cases)).toEqual([]);
  });

  it('is refused when it wakes, stops and undoes nothing', { timeout: 900_000 }, async (context) => {
    const before = stalled.said.length;
    stalled.signal('SIGCONT');
    const answers = new Map<string, string>();
    // One after the other: hundreds of logins at once keep a busy target from answering, and then nothing was refused.
    for (const { rotationId } of cases) {
      stalled.send({ kind: 'go on', rotationId });
      await eventually(
        'the late call was answered',
        () => {
          for (const message of stalled.said.slice(before)) {
            if (message.kind === 'answered') answers.set(message.point.rotationId, message.answer);
          }
          return answers.has(rotationId);
        },
        { maxMs: patienceMs },
      );
    }
    const wrong = cases.flatMap(({ rotationId }) => {
      const point = pointOf.get(rotationId)!;
      const answer = answers.get(rotationId) ?? 'none';
      // To be asked again harms no consumer: what it answers is not written down.
      const changesNothing = point.effect.startsWith('consumers');
      return changesNothing || refusals.includes(answer)
        ? []
        : [`${nameOf(point)}: the late call was answered ${answer}`];
    });
    const harmless = cases.length - wrong.length;
    reportFigure(context, `late calls of a stopped worker: ${harmless} harmless / ${cases.length}`);
    expect(wrong).toEqual([]);
    const afterwards = stalled.said.slice(before).flatMap((message) => (message.kind === 'called' ? [message] : []));
    // The late append itself is a call that was on its way before it was stopped.
    expect(afterwards).toEqual([]);
    expect(await findingsAtRest(rig, cases)).toEqual([]);
  });
});
