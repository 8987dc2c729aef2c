import { onTestFinished } from 'vitest';
import type { BullmqWakeupSource } from '../../../src/adapters/bullmq/wakeup-source.js';
import { bullmqWakeupSource } from '../../../src/adapters/bullmq/wakeup-source.js';
import type { BullmqWakeups } from '../../../src/adapters/bullmq/wakeups.js';
import { bullmqWakeups } from '../../../src/adapters/bullmq/wakeups.js';
import type { Wakeup, WakeupHandlers } from '../../../src/ports/wakeups.js';
import type { TcpProxy } from '../../support/tcp-proxy.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import type { QueueUnderTest } from './queue-under-test.js';

export const ring = (id: string, more: Partial<Wakeup> = {}): Wakeup => ({
  about: 'rotation',
  id,
  key: '1',
  delayMs: 0,
  urgent: false,
  ...more,
});

export const isUnavailable = { code: 'QUEUE_UNAVAILABLE' };

/** A rotation handler that waits until the test lets it go on. */
export function gate(): { readonly open: () => void; readonly passed: Promise<void> } {
  let open: () => void = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, passed };
}

/** Both ends of the wakeups over a server under test, each taken down when its test has finished. */
export interface Ends {
  readonly queue: () => Promise<QueueUnderTest>;
  /** Names of what went wrong at either end, as they were told. */
  readonly names: string[];
  readonly fast: {
    readonly checkEveryMs: number;
    readonly backoffMs: { readonly first: number; readonly longest: number };
    readonly onError: (name: string) => void;
  };
  readonly wakeups: (of: QueueUnderTest, url?: string) => BullmqWakeups;
  readonly source: (of: QueueUnderTest, url?: string) => BullmqWakeupSource;
  /** Starts a source that notes what rang. */
  readonly listen: (
    of: QueueUnderTest,
    handlers?: Partial<WakeupHandlers>,
    concurrency?: number,
  ) => Promise<{ readonly rang: string[]; readonly source: BullmqWakeupSource }>;
  readonly proxied: (of: QueueUnderTest) => Promise<TcpProxy>;
}

/** Makes them for the servers that `setUp` starts. */
export function bothEnds(setUp: () => Promise<QueueUnderTest>): Ends {
  async function queue(): Promise<QueueUnderTest> {
    const made = await setUp();
    onTestFinished(made.close);
    return made;
  }

  const names: string[] = [];
  const fast = {
    checkEveryMs: 50,
    backoffMs: { first: 20, longest: 100 },
    onError: (name: string) => void names.push(name),
  };

  function wakeups(of: QueueUnderTest, url = of.url): BullmqWakeups {
    // A busy machine is slow, not down.
    const made = bullmqWakeups({ ...fast, url, prefix: of.prefix, ringTimeoutMs: 30_000 });
    onTestFinished(made.close);
    return made;
  }

  function source(of: QueueUnderTest, url = of.url): BullmqWakeupSource {
    const made = bullmqWakeupSource({ ...fast, url, prefix: of.prefix });
    onTestFinished(made.stop);
    return made;
  }

  /** Starts a source that notes what rang. */
  async function listen(
    of: QueueUnderTest,
    handlers: Partial<WakeupHandlers> = {},
    concurrency = 4,
  ): Promise<{ readonly rang: string[]; readonly source: BullmqWakeupSource }> {
    const rang: string[] = [];
    const started = source(of);
    await started.start(
      {
        rotation: async (id) => {
          rang.push(id);
          await handlers.rotation?.(id);
        },
        delivery: async (id) => {
          rang.push(`delivery ${id}`);
          await handlers.delivery?.(id);
        },
      },
      concurrency,
    );
    return { rang, source: started };
  }

  async function proxied(of: QueueUnderTest): Promise<TcpProxy> {
    const { hostname, port } = new URL(of.url);
    const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    onTestFinished(proxy.stop);
    return proxy;
  }
  return { queue, names, fast, wakeups, source, listen, proxied };
}
