import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { type Verdict, askFor, turnBack, verdictAtRest } from './course.js';
import { loseAfterEachEvent, openQueue } from './queue-loss.js';
import type { QueueKind, Rig } from './rig.js';
import { endsAsPromised, everyCourse, everyState, isLong, staysUp, stoppedAt, surrounded } from './surroundings.js';

const queues = ['redis', 'postgres'] as const;
const words = { redis: 'FLUSHALL', postgres: 'TRUNCATE' } as const;

/** The short run meets each fault on one queue. */
const isSkipped = (queue: QueueKind, inShort: QueueKind): boolean =>
  (queue === 'redis' && inject('redis').url === undefined) || (!isLong && queue !== inShort);

/** A proxy before the queue of the rig that is opened with this. */
async function proxiedQueue(queueUrl: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(queueUrl);
  const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  onTestFinished(async () => proxy.stop());
  return proxy;
}

async function emptied(rig: Rig): Promise<void> {
  const breaker = await openQueue(rig);
  await breaker.lose();
  await breaker.close();
}

describe('a queue that is lost', () => {
  for (const queue of queues) {
    it.skipIf(isSkipped(queue, 'redis'))(
      `loses no rotation, in whatever state its worker died: ${words[queue]}`,
      { timeout: 600_000 },
      async (context) => {
        const stopped = await stoppedAt(everyState, { queue });
        const next = stopped.rig.process();
        await stopped.worker.kill();
        await emptied(stopped.rig);
        await stopped.rig.worker({}, next);
        await endsAsPromised(context, `${words[queue]} in every state with the worker dead`, stopped);
      },
    );

    it.skipIf(!isLong || isSkipped(queue, 'redis'))(
      `loses no rotation that is at work, in whatever state it is: ${words[queue]}`,
      { timeout: 600_000 },
      async (context) => {
        const stopped = await stoppedAt(everyState, { queue });
        await emptied(stopped.rig);
        stopped.goOn();
        await endsAsPromised(context, `${words[queue]} in every state of a rotation at work`, stopped);
      },
    );

    it.skipIf(isSkipped(queue, 'postgres'))(
      `loses no rotation, although it is emptied again after each event of the journal: ${words[queue]}`,
      { timeout: 600_000 },
      async (context) => {
        const { rig, cases, probe } = await surrounded({ queue, secrets: everyCourse });
        const breaker = await openQueue(rig);
        const losing = loseAfterEachEvent(rig, breaker);
        let losses = { count: 0, after: new Set<string>() as ReadonlySet<string> };
        let verdict: Verdict = { sound: 0, findings: ['none was judged'] };
        try {
          await rig.worker();
          await askFor(rig, cases);
          await turnBack(rig, cases);
          verdict = await verdictAtRest(rig, cases);
        } finally {
          losses = await losing.stop();
          await breaker.close();
        }
        expect([...losses.after]).toEqual(expect.arrayContaining(['StepIntended', 'RotationClosed']));
        const kinds = `after ${losses.after.size} kinds of events`;
        await staysUp(
          context,
          `${words[queue]} ${losses.count} times, ${kinds}: ${cases.length} rotations, ${verdict.sound} ended as promised`,
          probe,
          verdict.findings,
        );
      },
    );

    for (const fault of ['refuse', 'blackHole'] as const) {
      const name = { refuse: 'refuses every connection', blackHole: 'takes connections and never answers' }[fault];
      it.skipIf(isSkipped(queue, fault === 'refuse' ? 'redis' : 'postgres'))(
        `stops no rotation while it ${name} from beginning to end, on ${queue}`,
        { timeout: 600_000 },
        async (context) => {
          let proxy: TcpProxy | undefined;
          const about = await surrounded({
            queue,
            secrets: everyCourse,
            via: async ({ queueUrl }) => {
              proxy = await proxiedQueue(queueUrl);
              return { queueUrl: proxy.url(queueUrl) };
            },
          });
          await proxy?.setMode({ kind: fault });
          await about.rig.worker();
          await askFor(about.rig, about.cases);
          await turnBack(about.rig, about.cases);
          await endsAsPromised(context, `queue on ${queue} ${name}`, about);
        },
      );
    }
  }
});
