import { keyturnError } from '../../core/errors.js';
import type { WakeupHandlers, WakeupSource } from '../../ports/wakeups.js';
import { errorName } from './error-name.js';
import type { About } from './job.js';
import { idIn, queueNames } from './job.js';
import type { Places } from './places.js';
import { places } from './places.js';
import type { Processor, QueueBackend, RingWorker } from './queue-backend.js';
import type { QueueHealth, QueueOptions } from './queue-options.js';
import { prepared } from './queue-options.js';
import type { Generation, Standing } from './standing.js';
import { stand, within } from './standing.js';
import { deliveriesAtOnce } from './worker-options.js';

/** The port, and what the process that made it needs. */
export interface BullmqWakeupSource extends WakeupSource {
  readonly health: () => QueueHealth;
  /**
   * Builds the workers anew, for a watchdog: the database has due work, the queue seems ready, and nothing was started.
   * BullMQ's workers have got stuck after reconnects and fail-overs (its issues 1658, 3088, 4479). What is in work goes on.
   */
  readonly rebuild: () => void;
  /** Since the start of this source: rings handed to a handler, jobs thrown away as none of ours, handlers that threw. */
  readonly counts: () => { readonly started: number; readonly dropped: number; readonly failed: number };
}

/**
 * Takes rings from BullMQ. `start` settles with the first try and rejects where that fails; the source keeps trying by
 * itself until `stop`, so a worker may log the error and go on by the sweep.
 *
 * *Errors* `SETTING_INVALID` for the URL.
 */
export function bullmqWakeupSource(options: QueueOptions): BullmqWakeupSource {
  const { connect, watch } = prepared(options);
  const count = { started: 0, dropped: 0, failed: 0 };
  let standing: Standing<Consumer> | undefined;

  /** Never throws: what a processor throws is written into the queue, text and all. */
  const processorOf =
    (about: About, handlers: WakeupHandlers, { within: inPlace }: Places): Processor =>
    async ({ data }) => {
      const id = idIn(about, data);
      if (id === undefined) {
        count.dropped += 1;
        return;
      }
      await inPlace(async () => {
        count.started += 1;
        try {
          await handlers[about](id);
        } catch (error) {
          count.failed += 1;
          watch.onError(errorName(error));
        }
      });
    };

  return {
    start: async (handlers, concurrency) => {
      if (standing !== undefined) throw keyturnError('QUEUE_UNAVAILABLE');
      const atOnce = { rotation: concurrency, delivery: deliveriesAtOnce };
      const processors = {
        rotation: processorOf('rotation', handlers, places(atOnce.rotation)),
        delivery: processorOf('delivery', handlers, places(atOnce.delivery)),
      };
      standing = stand({
        ...watch,
        build: async (doubt) => consumer(await connect(doubt), { processors, atOnce, doubt }),
      });
      await standing.first;
    },
    stop: async () => standing?.end(),
    health: () => (standing?.current() === undefined ? 'down' : 'ready'),
    rebuild: () => standing?.renew(),
    counts: () => ({ ...count }),
  };
}

/** The workers of one connection. */
type Consumer = Generation;

interface ConsumerOptions {
  readonly processors: Readonly<Record<About, Processor>>;
  readonly atOnce: Readonly<Record<About, number>>;
  readonly doubt: (error: unknown) => void;
}

/** How long closing may take once nothing is in work. Milliseconds. What the queue then does not know it rings again. */
const closeTimeoutMs = 2_000;

async function consumer(backend: QueueBackend, options: ConsumerOptions): Promise<Consumer> {
  const { processors, atOnce, doubt } = options;
  const inWork = new Set<Promise<void>>();
  const workerOf = (about: About): RingWorker => {
    const processor: Processor = (job) => {
      const work = processors[about](job);
      inWork.add(work);
      return work.finally(() => inWork.delete(work));
    };
    const worker = backend.worker(queueNames[about], processor, atOnce[about]);
    worker.on('error', doubt);
    return worker;
  };
  const workers = [workerOf('rotation'), workerOf('delivery')];
  const retire = async (): Promise<void> => {
    // From here on they take nothing new. Where the server is away this does not settle by itself.
    const closed = Promise.allSettled(workers.map((worker) => worker.close()));
    while (inWork.size > 0) await Promise.all(inWork);
    await within(closeTimeoutMs, closed).catch(async () => {
      await within(closeTimeoutMs, Promise.allSettled(workers.map((worker) => worker.disconnect()))).catch(() => {});
    });
    await within(closeTimeoutMs, backend.end(false)).catch(() => backend.end(true));
  };
  try {
    await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  } catch (error) {
    await retire();
    throw error;
  }
  for (const worker of workers) worker.run().catch(doubt);
  return { ping: async () => backend.ping(), retire };
}
