import { type TestContext, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { fetchDebianRedis, findRedisOnPath } from '../support/redis-program.js';
import { isLong } from '../support/length.js';
import { type Case, askFor, patienceMs, verdictAtRest } from './course.js';
import type { Failpoint } from './failpoints.js';
import { startQueueServer } from './queue-server.js';
import type { QueueKind } from './rig.js';
import { startStateServer } from './state-server.js';
import { staysUp, surrounded } from './surroundings.js';

/** How long the queue is away at least; in the short run until the last rotation has ended. Milliseconds. */
const awayAtLeastMs = isLong ? 60_000 : 0;

/** Of each kind that has no gap of its own: some asked for before the queue goes, some meanwhile, some when it is back. */
const secrets = Array.from({ length: isLong ? 12 : 8 }, (_, index) => ({
  kind: index % 2 === 0 ? ('two-role' as const) : ('random' as const),
  scenario: 'success' as const,
}));

const redis = (await findRedisOnPath()) ?? (await fetchDebianRedis());
const queues: readonly QueueKind[] = [
  ...(typeof redis === 'string' ? [] : (['redis'] as const)),
  ...(isLong || typeof redis === 'string' ? (['postgres'] as const) : []),
];
const why = typeof redis === 'string' ? ` (not on Redis: ${redis})` : '';

/** Stops the queue's server while rotations run, asks for more, and starts it again when all have come to rest. */
async function takeAway(context: Pick<TestContext, 'task'>, queue: QueueKind): Promise<void> {
  // On PostgreSQL it is one of its own, too: the state is there all the time.
  const queueServer =
    typeof redis === 'object' && queue === 'redis' ? await startQueueServer(redis) : await startStateServer();
  const { rig, cases, probe } = await surrounded({ queue, queueServer, secrets });
  const [before, meanwhile, last, after] = [
    cases.slice(0, 2),
    cases.slice(2, -4),
    cases.slice(-4, -2),
    cases.slice(-2),
  ];
  const points = before.map(({ rotationId, secret }): Failpoint => {
    const effect = 'store.putPending in stage';
    return { rotationId, secret: secret.id, effect, position: 'before it is sent', resumable: true };
  });
  // It tells what the queue hands out.
  const worker = await rig.worker({ isTwice: true, points, leaseMs: null });
  const isHandedOut = ({ rotationId }: Case): boolean =>
    worker.said.some((message) => message.kind === 'rang' && message.id === rotationId);
  await askFor(rig, before);
  await eventually('rotations run', () => worker.reached.length === before.length, { maxMs: patienceMs });

  await queueServer.crash();
  const sinceMs = performance.now();
  for (const { rotationId } of before) worker.send({ kind: 'go on', rotationId });
  await askFor(rig, meanwhile);
  const atOnce = await verdictAtRest(rig, [...before, ...meanwhile]);
  const awayMs = (): number => performance.now() - sinceMs;
  await eventually('it was away for long', () => awayMs() >= awayAtLeastMs, { maxMs: awayAtLeastMs + patienceMs });
  await askFor(rig, last);
  const atLast = await verdictAtRest(rig, last);
  expect([...meanwhile, ...last].filter(isHandedOut)).toEqual([]);
  const awaySeconds = Math.round(awayMs() / 1_000);
  const saidBefore = worker.said.length;
  await queueServer.restart();

  // A job of one that was in work when the server went is there again, and is not put a second time.
  await eventually(
    'it hands out rings again',
    async () => {
      await rig.state.ring(meanwhile[0]!.rotationId).catch(() => undefined);
      return worker.said.slice(saidBefore).some(({ kind }) => kind === 'rang');
    },
    { maxMs: patienceMs },
  );
  await askFor(rig, after);
  const afterwards = await verdictAtRest(rig, after);
  const asked = before.length + meanwhile.length + last.length;
  const told = `${atOnce.sound + atLast.sound} of ${asked} rotations ended sound before it was back, ${afterwards.sound} of ${after.length} after`;
  const findings = [atOnce, atLast, afterwards].flatMap((each) => each.findings);
  await staysUp(context, `queue server on ${queue} stopped for ${awaySeconds} s: ${told}`, probe, findings);
}

describe(`a queue whose server is stopped while rotations run${why}`, () => {
  it('keeps none of them from its end, nor those that are asked for meanwhile, and rings again when it is back', {
    timeout: 600_000,
  }, async (context) => {
    // At the same time: what takes long is the outage.
    await Promise.all(queues.map((queue) => takeAway(context, queue)));
  });
});
