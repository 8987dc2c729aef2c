import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { type ReadFailure, cachedReaderDefaults as defaults, createCachedReader } from 'keyturn/consumer';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { reportFigure } from '../support/figures.js';

const toggle = '/prod/shop/checkout-open';
const maxMs = 60_000;

/** Something that listens, until the test is over. */
async function listening(server: ReturnType<typeof createServer>) {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on a port has such an address.
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}`, close };
}

/** A store that speaks what SSM speaks on GetParameter, as far as one reads from it here. */
function store() {
  const state = { value: 'true', version: 1, calls: 0, trouble: 'none' as 'none' | 'throttled' | 'away' };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    state.calls += 1;
    const { Name } = (await json(request)) as { readonly Name: string };
    if (state.trouble === 'away') return void request.socket.destroy();
    const isThrottled = state.trouble === 'throttled';
    response.writeHead(isThrottled ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(
      JSON.stringify(
        isThrottled
          ? { __type: 'ThrottlingException', message: 'Rate exceeded' }
          : { Parameter: { Name, Type: 'String', Value: state.value, Version: state.version } },
      ),
    );
  };
  return { state, server: createServer((request, response) => void answer(request, response)) };
}

/** A running application that asks on every request whether it may sell, through a reader with the defaults. */
async function arrange() {
  const { state, server } = store();
  const ssm = await listening(server);
  const client = new SSMClient({
    endpoint: ssm.url,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example' },
    // Its own attempts take real time, which nothing here should.
    maxAttempts: 1,
  });
  const clock = { nowMs: 0 };
  const failures: ReadFailure[] = [];
  let underWay = 0;
  const reader = createCachedReader({
    read: async (name, { signal }) => {
      underWay += 1;
      try {
        const command = new GetParameterCommand({ Name: name, WithDecryption: true });
        const { Parameter } = await client.send(command, { abortSignal: signal });
        return { value: Parameter?.Value, version: Parameter?.Version };
      } finally {
        underWay -= 1;
      }
    },
    now: () => clock.nowMs,
    onFailure: (failure) => failures.push(failure),
  });
  const shop = await listening(
    createServer((_, response) => {
      reader.read(toggle).then(
        ({ value }) => response.writeHead(value === 'true' ? 200 : 503).end(),
        () => response.writeHead(500).end(),
      );
    }),
  );
  onTestFinished(async () => {
    reader.close();
    client.destroy();
    await Promise.all([shop.close(), ssm.close()]);
  });
  /** Whether the shop is open to a customer who comes a second after the one before. */
  const isOpen = async (): Promise<boolean> => {
    clock.nowMs += 1_000;
    const { status } = await fetch(shop.url);
    // A call behind the answer takes no time on this clock.
    await eventually('the call behind an answer ends', () => underWay === 0);
    expect([200, 503]).toContain(status);
    return status === 200;
  };
  return { state, clock, failures, isOpen };
}

type World = Awaited<ReturnType<typeof arrange>>;

function flip({ state, clock }: World): number {
  state.value = 'false';
  state.version += 1;
  return clock.nowMs;
}

/** After how many milliseconds since then the first customer is turned away. */
async function closedAfterMs({ isOpen, clock }: World, sinceMs: number): Promise<number> {
  while (clock.nowMs - sinceMs < 2 * maxMs) if (!(await isOpen())) return clock.nowMs - sinceMs;
  return Infinity;
}

test('an emergency toggle is seen by a running application in under a minute', async (context) => {
  const world = await arrange();
  expect(await world.isOpen()).toBe(true);

  const tookMs = await closedAfterMs(world, flip(world));

  expect(tookMs).toBeLessThanOrEqual(defaults.ttlMs);
  expect(world.state.calls).toBe(2);
  reportFigure(context, `emergency toggle: seen after ${tookMs / 1_000} s at the defaults`);
});

test('it is so where the store throttles the first read after it', async (context) => {
  const world = await arrange();
  expect(await world.isOpen()).toBe(true);
  const flippedMs = flip(world);
  world.state.trouble = 'throttled';
  while (world.failures.length === 0) expect(await world.isOpen()).toBe(true);
  world.state.trouble = 'none';

  const tookMs = await closedAfterMs(world, flippedMs);

  expect(world.failures).toMatchObject([{ name: toggle, reason: 'ThrottlingException' }]);
  expect(tookMs).toBeLessThan(maxMs);
  reportFigure(context, `emergency toggle: seen after ${tookMs / 1_000} s with one throttled read`);
});

test.each(['throttled', 'away'] as const)(
  'while the store is %s the application goes on, and sees the toggle soon after',
  async (trouble) => {
    const world = await arrange();
    expect(await world.isOpen()).toBe(true);
    flip(world);
    world.state.trouble = trouble;
    for (let second = 0; second < 300; second += 1) expect(await world.isOpen()).toBe(true);
    // Every call is a failure it was told of: with doubling, some thirty in five minutes.
    expect(world.failures.length).toBe(world.state.calls - 1);
    expect(world.failures.length).toBeLessThanOrEqual(300_000 / (defaults.maxBackOffMs / 2) + 4);
    world.state.trouble = 'none';

    expect(await closedAfterMs(world, world.clock.nowMs)).toBeLessThanOrEqual(defaults.maxBackOffMs + 2_000);
  },
);

test('the defaults leave room within a minute for slow calls, a failed one and a label moved back', () => {
  const { ttlMs, timeoutMs, maxBackOffMs, olderMs } = defaults;

  expect(ttlMs + timeoutMs + maxBackOffMs + timeoutMs).toBeLessThan(maxMs);
  expect(ttlMs + olderMs + 2 * timeoutMs).toBeLessThan(maxMs);
});
