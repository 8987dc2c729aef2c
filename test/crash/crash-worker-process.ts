// A worker of the shipped parts that stops where it is told to. It is told by its parent over IPC, and ends with it.
import { Worker } from '../../src/engine/worker.js';
import { openWorkerParts } from '../../src/main/worker-parts.js';
import type { WakeupHandlers, WakeupSource } from '../../src/ports/wakeups.js';
import { type Failpoint, withFailpoints, withWebhookStop } from './failpoints.js';
import { configOf } from './installation.js';
import type { FromWorker, ToWorker, WorkerOrder } from './worker-messages.js';

let stopWorker: (() => Promise<void>) | undefined;
let handlers: WakeupHandlers | undefined;
const waiting = new Map<string, () => void>();

const tell = (message: FromWorker): void => void process.send?.(message);

process.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'start':
      void start(message.order).then(
        () => tell({ kind: 'started' }),
        (error: unknown) => {
          process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
          process.exit(2);
        },
      );
      return;
    case 'go on':
      waiting.get(message.rotationId)?.();
      return;
    case 'rung':
      void handlers?.[message.about](message.id);
      return;
    case 'stop':
      void stopWorker?.().then(() => tell({ kind: 'stopped' }));
      return;
    default:
      message satisfies never;
  }
});
// As `keyturn worker` does.
process.once('SIGTERM', () => void stopWorker?.().then(() => process.exit(0)));
process.once('disconnect', () => process.exit(1));
tell({ kind: 'loaded', clockMs: Date.now() });

async function start(order: WorkerOrder): Promise<void> {
  const { installation, concurrency, leaseMs, callDeadlineMs, points, isTwice } = order;
  const { parts, close } = await openWorkerParts({
    variables: { KEYTURN_LOG_LEVEL: order.logLevel },
    urls: { database: installation.stateUrl, queue: installation.queueUrl },
    config: configOf(installation),
    concurrency,
  });
  const ports = withFailpoints(parts.ports, points, {
    reached: (point) => tell({ kind: 'reached', point }),
    resumed: ({ rotationId }: Failpoint) => new Promise((resolve) => waiting.set(rotationId, resolve)),
    answered: (point, answer) => tell({ kind: 'answered', point, answer }),
    called: (rotationId, effect) => tell({ kind: 'called', rotationId, effect }),
  });
  const options = {
    ...parts.options,
    ...(leaseMs === null ? {} : { leaseMs }),
    ...(callDeadlineMs === null ? {} : { callDeadlineMs }),
  };
  const source = isTwice ? twice(parts.source) : parts.source;
  const outgoing = withWebhookStop(parts, order.stopAtWebhook, (deliveryId) => {
    tell({ kind: 'reached webhook', deliveryId });
  });
  const worker = new Worker({ ...parts, ...outgoing, ports, options, source });
  handlers = worker.handlers;
  await worker.start();
  stopWorker = async () => {
    stopWorker = undefined;
    await worker.stop();
    await close();
  };
}

/** Delivers every job twice, and tells the parent, who delivers it to the other workers as well. */
function twice(source: WakeupSource): WakeupSource {
  return {
    start: async (given, concurrency) => {
      const again =
        (about: 'rotation' | 'delivery') =>
        async (id: string): Promise<void> => {
          tell({ kind: 'rang', about, id });
          await Promise.all([given[about](id), given[about](id)]);
        };
      await source.start({ rotation: again('rotation'), delivery: again('delivery') }, concurrency);
    },
    stop: async () => source.stop(),
  };
}
