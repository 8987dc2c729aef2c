import type { AppOrder, FromApp, ToApp } from './app-protocol.js';
import { SampleApp, type StoredCredential } from './sample-app.js';
import { serveChallenges } from './serve-challenges.js';

/** Opens the reading side of the store. */
export type OpenStore = (order: AppOrder) => Promise<OpenedStore>;

/** See {@link OpenStore}. */
export interface OpenedStore {
  readonly read: (selector: 'current' | number) => Promise<StoredCredential | null>;
  readonly close: () => Promise<void>;
}

const reportEveryMs = 100;

/** The life of the sample application's process: ordered over IPC, gone with whoever started it. */
export function runSampleApp(openStore: OpenStore): void {
  // Whoever started us may be gone already; then we are told below.
  const tell = (message: FromApp): Promise<void> =>
    new Promise((resolve) => process.send?.(message, undefined, {}, () => resolve()));
  let app: SampleApp | undefined;
  let finish: () => Promise<void> = async () => {};

  const start = async (order: AppOrder): Promise<void> => {
    const store = await openStore(order);
    const started = new SampleApp({ target: order.target, load: order.load, read: store.read });
    const { server, port } = await serveChallenges(started, order);
    app = started;
    started.start();
    const reports = setInterval(() => void tell({ kind: 'counted', counters: started.counters() }), reportEveryMs);
    finish = async () => {
      clearInterval(reports);
      server.close();
      server.closeAllConnections();
      await started.stop();
      await store.close();
      await tell({ kind: 'finished', counters: started.counters() });
      process.disconnect();
    };
    await tell({ kind: 'listening', port });
  };

  process.on('message', (message: ToApp) => {
    switch (message.kind) {
      case 'start':
        void start(message.order);
        break;
      case 'refuse-next-canary':
        app?.refuseNextCanary();
        break;
      case 'rest':
        void app?.rest();
        break;
      case 'wake':
        app?.wake();
        break;
      case 'finish':
        void finish();
        break;
      default:
        message satisfies never;
    }
  });
  process.once('disconnect', () => process.exit(0));
}
