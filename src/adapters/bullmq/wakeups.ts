import { keyturnError } from '../../core/errors.js';
import type { Wakeup, Wakeups } from '../../ports/wakeups.js';
import type { About } from './job.js';
import { jobOf, queueNames } from './job.js';
import type { QueueBackend, RingQueue } from './queue-backend.js';
import type { QueueHealth, QueueOptions } from './queue-options.js';
import { prepared } from './queue-options.js';
import type { Generation } from './standing.js';
import { stand, within } from './standing.js';

/** The port, and what the process that made it needs. */
export interface BullmqWakeups extends Wakeups {
  readonly health: () => QueueHealth;
  /** Lets go of the connections; rings afterwards are refused. *Repeat*: harmless. */
  readonly close: () => Promise<void>;
}

/**
 * Rings over BullMQ. Connects at once and by itself again, for ever, until `close`.
 *
 * A ring waits for the first connection at most, and never longer than `ringTimeoutMs` (default 2,000); while the queue
 * is down it is refused at once.
 *
 * *Errors* `SETTING_INVALID` for the URL.
 */
export function bullmqWakeups(options: QueueOptions & { readonly ringTimeoutMs?: number }): BullmqWakeups {
  const { connect, watch } = prepared(options);
  const ringTimeoutMs = options.ringTimeoutMs ?? 2_000;
  const standing = stand({ ...watch, build: async (doubt) => producer(await connect(doubt), doubt) });

  const add = async (wakeup: Wakeup): Promise<void> => {
    // Only the first try is waited for, however it ends.
    await standing.first.catch(() => {});
    const queues = standing.current();
    if (queues === undefined) throw keyturnError('QUEUE_UNAVAILABLE');
    await queues.add(wakeup);
  };

  return {
    ring: async (wakeup) => {
      try {
        await within(ringTimeoutMs, add(wakeup));
      } catch (error) {
        standing.doubt(error);
        // No cause: what drivers throw names hosts and users.
        throw keyturnError('QUEUE_UNAVAILABLE');
      }
    },
    health: () => (standing.current() === undefined ? 'down' : 'ready'),
    close: standing.end,
  };
}

/** The queues of one connection. */
interface Producer extends Generation {
  add(wakeup: Wakeup): Promise<void>;
}

async function producer(backend: QueueBackend, doubt: (error: unknown) => void): Promise<Producer> {
  const queueOf = (about: About): RingQueue => {
    const queue = backend.queue(queueNames[about]);
    queue.on('error', doubt);
    return queue;
  };
  const queues = { rotation: queueOf('rotation'), delivery: queueOf('delivery') };
  const retire = async (): Promise<void> => {
    const all = Object.values(queues);
    await within(1_000, Promise.allSettled(all.map((queue) => queue.close()))).catch(() => {});
    await within(1_000, backend.end(false)).catch(() => backend.end(true));
  };
  try {
    await Promise.all(Object.values(queues).map((queue) => queue.waitUntilReady()));
  } catch (error) {
    await retire();
    throw error;
  }
  return {
    add: async (wakeup) => {
      const { name, data, options } = jobOf(wakeup);
      await queues[wakeup.about].add(name, data, options);
    },
    ping: async () => backend.ping(),
    retire,
  };
}
