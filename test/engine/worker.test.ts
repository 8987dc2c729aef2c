import { describe, expect, it } from 'vitest';
import { memoryPorts } from '../../src/adapters/memory/ports.js';
import { renderCredential } from '../../src/core/credential.js';
import { keyturnError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { Sweep } from '../../src/engine/sweep.js';
import { Worker, type WorkerParts } from '../../src/engine/worker.js';
import type { Wakeup, WakeupHandlers } from '../../src/ports/wakeups.js';
import stagedRotation from '../../workflows/staged-rotation.js';
import { eventually } from '../support/eventually.js';
import { aPlan, ableCapabilities, promptPolicy } from '../support/plans.js';

/** A worker over memory ports with one rotation accepted; rings are kept, and handed out by the test. */
function aWorker(change: Partial<WorkerParts> = {}, plan = aPlan()) {
  const memory = memoryPorts({ capabilities: ableCapabilities, endpoints: ['one'] });
  const old = { identity: 'billing_a', value: Secret.fromText('the-old-value-made-by-hand-00000') };
  memory.target.adopt(old);
  memory.store.putInitial(plan.secret, renderCredential(old, plan.fields));
  memory.state.accept(plan, [plan.secret]);
  const rings: Wakeup[] = [];
  const warned: unknown[] = [];
  let handlers: WakeupHandlers | undefined;
  const log = {
    info: () => undefined,
    debug: () => undefined,
    error: () => undefined,
    warn: (facts: object) => void warned.push(facts),
  };
  const wakeups = { ring: async (wakeup: Wakeup) => void rings.push(wakeup) };
  const worker = new Worker({
    ports: memory.ports,
    workflows: [stagedRotation],
    wakeups,
    source: {
      start: async (given) => {
        handlers = given;
      },
      stop: async () => undefined,
    },
    deliveries: {
      take: async () => [],
      record: async (tries) => tries.map(() => ({ kind: 'written', next: null, restsMs: null, gaveUp: 0 })),
    },
    sender: { send: async () => ({ outcome: 'delivered', status: 204, reason: null, retryAfterMs: null }) },
    sweep: (own) =>
      new Sweep(
        {
          queries: {
            due: async () => [],
            reschedule: async () => true,
            unattended: async (limit, quietMs) => memory.state.unattended(limit, quietMs),
            undelivered: async () => [],
            overdue: async () => [],
            policies: async () => [],
            audits: async () => [],
            audited: async () => undefined,
          },
          calendar: { next: () => 0 },
          wakeups: change.wakeups ?? wakeups,
          environments: ['test'],
          startScheduled: async () => undefined,
          onSilentQueue: () => undefined,
          audit: async () => null,
          orphans: async () => [],
          log,
          everyMs: 10,
          webhooksEveryMs: 10,
          batch: 10,
        },
        own,
      ),
    log,
    options: { holder: 'worker-1', concurrency: 2, leaseMs: 5_000, callDeadlineMs: 5_000 },
    ...change,
  });
  const status = () => memory.state.load(plan.rotationId)?.events.at(-1)?.event;
  return { worker, memory, rings, warned, status, handlers: () => handlers };
}

const closed = { kind: 'RotationClosed', status: 'completed' };

describe('a worker', () => {
  it('takes a rotation to its end in one ring', async () => {
    const { worker, status } = aWorker();
    await worker.handlers.rotation('r1');
    expect(status()).toEqual(closed);
    await worker.stop();
  });

  it('answers a ring for nothing with nothing', async () => {
    const { worker, rings, warned } = aWorker();
    await worker.handlers.rotation('unheard-of');
    expect([rings, warned]).toEqual([[], []]);
    await worker.stop();
  });

  it('asks to be rung again when a rotation waits', async () => {
    const { worker, rings } = aWorker({}, aPlan({ policy: { ...promptPolicy, graceMs: 400, pollMs: 1_000 } }));
    await worker.handlers.rotation('r1');
    expect(rings).toMatchObject([{ about: 'rotation', id: 'r1', delayMs: 400 }]);
    await worker.stop();
  });

  it('begins no further row of looks with a further ring, as long as one is on its way', async () => {
    const { worker, rings } = aWorker({}, aPlan({ policy: { ...promptPolicy, graceMs: 60_000, pollMs: 20_000 } }));
    for (let times = 0; times < 5; times += 1) await worker.handlers.rotation('r1');
    expect(rings.map(({ delayMs }) => delayMs)).toEqual([20_000]);
    await worker.stop();
  });

  it('answers a second ring after the first, and not beside it', async () => {
    const { worker, memory, status } = aWorker();
    await Promise.all([worker.handlers.rotation('r1'), worker.handlers.rotation('r1'), worker.handlers.rotation('r1')]);
    expect(status()).toEqual(closed);
    const epochs = new Set(memory.state.load('r1')?.events.map(({ epoch }) => epoch));
    expect([...epochs]).toEqual([0, 1]);
    await worker.stop();
  });

  it('ends a ring with a warning where the journal cannot be reached', async () => {
    const { worker, memory, warned } = aWorker();
    const journal = {
      load: () => {
        throw keyturnError('STATE_UNAVAILABLE');
      },
      append: () => ({ kind: 'lost' as const }),
    };
    const other = aWorker({ ports: { ...memory.ports, journal } });
    await other.worker.handlers.rotation('r1');
    expect(other.warned).toEqual([{ rotationId: 'r1', code: 'STATE_UNAVAILABLE' }]);
    expect(warned).toEqual([]);
    await Promise.all([worker.stop(), other.worker.stop()]);
  });

  it('works by its sweep where the queue is down', async () => {
    const down = () => Promise.reject(keyturnError('QUEUE_UNAVAILABLE'));
    const { worker, status, warned } = aWorker({
      wakeups: { ring: down },
      source: { start: down, stop: async () => undefined },
    });
    await worker.start();
    await eventually('the rotation is completed', () => status()?.kind === 'RotationClosed');
    await worker.stop();
    expect(warned).toContainEqual({ code: 'QUEUE_UNAVAILABLE' });
  });

  it('hands its own handlers to the queue', async () => {
    const { worker, handlers, status } = aWorker();
    await worker.start();
    await handlers()?.rotation('r1');
    await worker.stop();
    expect(status()).toEqual(closed);
  });

  it('that is stopped waits for webhooks that were taken beside the one it rang for', async () => {
    const delivery = { environment: 'test', endpoint: 'chat', url: 'https://example.com', webhookId: 'w', body: '{}' };
    const due = new Set(['d1', 'd2']);
    const written: string[] = [];
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { worker } = aWorker({
      deliveries: {
        take: async () => {
          const all = [...due].map((deliveryId) => ({ ...delivery, deliveryId, attempt: 1, asked: 0, nowMs: 0 }));
          due.clear();
          return all;
        },
        record: async (tries) => {
          written.push(...tries.map((each) => each.delivery.deliveryId));
          return tries.map(() => ({ kind: 'written', next: null, restsMs: null, gaveUp: 0 }));
        },
      },
      sender: {
        send: async ({ deliveryId }) => {
          if (deliveryId === 'd2') await held;
          return { outcome: 'delivered', status: 204, reason: null, retryAfterMs: null };
        },
      },
    });
    await worker.handlers.delivery('d1');
    expect(written).toEqual(['d1']);
    const stopping = worker.stop();
    release();
    await stopping;
    expect(written).toEqual(['d1', 'd2']);
  });

  it('that is stopped finishes the effect in hand and gives the lease back', async () => {
    const { memory } = aWorker();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const target: typeof memory.ports.target = {
      ...memory.ports.target,
      create: async (scope, proposal) => {
        await held;
        return await memory.ports.target.create(scope, proposal);
      },
    };
    const { worker } = aWorker({ ports: { ...memory.ports, target } });
    const working = worker.handlers.rotation('r1');
    await eventually('create is meant', () =>
      memory.state.load('r1')?.events.some(({ event }) => event.kind === 'StepIntended' && event.step === 'create'),
    );
    const stopping = worker.stop();
    release();
    await Promise.all([working, stopping]);
    expect(
      memory.state.load('r1')?.events.some(({ event }) => event.kind === 'StepDone' && event.step === 'create'),
    ).toBe(true);
    expect(memory.state.load('r1')?.events.at(-1)?.event.kind).not.toBe('RotationClosed');
    expect(memory.state.acquire({ rotationId: 'r1', holder: 'worker-2', ttlMs: 5_000 }).kind).toBe('granted');
  });
});
