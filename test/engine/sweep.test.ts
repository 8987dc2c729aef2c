import { describe, expect, it } from 'vitest';
import { keyturnError } from '../../src/core/errors.js';
import { Sweep, type SweepParts } from '../../src/engine/sweep.js';
import type { WorkerHandlers } from '../../src/engine/worker.js';
import type { SweepQueries } from '../../src/ports/operations.js';

const nowMs = 1_000_000;

/** A sweep over what the test says is found, and everything that came of it. */
function aSweep({ found = {}, parts = {} }: { found?: Partial<SweepQueries>; parts?: Partial<SweepParts> } = {}) {
  const did: string[] = [];
  const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined };
  const queries: SweepQueries = {
    due: async () => [],
    reschedule: async (secret, fromMs, nextMs) => {
      did.push(`reschedule ${secret} ${fromMs} -> ${nextMs}`);
      return true;
    },
    unattended: async () => [],
    undelivered: async () => [],
    audits: async () => [],
    overdue: async () => [],
    policies: async () => [],
    audited: async (secret, problem) => void did.push(`audited ${secret} ${problem}`),
    ...found,
  };
  const handlers: WorkerHandlers = {
    rotation: async (rotationId) => void did.push(`did rotation ${rotationId}`),
    delivery: async (deliveryId) => void did.push(`did delivery ${deliveryId}`),
  };
  const sweep = new Sweep(
    {
      queries,
      calendar: { next: (_, __, afterMs) => afterMs + 60_000 },
      wakeups: { ring: async ({ about, id, key }) => void did.push(`rang ${about} ${id} ${key}`) },
      environments: ['test'],
      startScheduled: async (secret, dueAtMs) => void did.push(`start ${secret} ${dueAtMs}`),
      onSilentQueue: () => void did.push('silent queue'),
      audit: async () => null,
      orphans: async () => [],
      log: { ...silent, error: (facts) => void did.push(`told ${JSON.stringify(facts)}`) },
      everyMs: 1_000,
      webhooksEveryMs: 1_000,
      batch: 10,
      ...parts,
    },
    handlers,
  );
  return { sweep, did };
}

const due = (secret: string) => ({ secret, cron: '0 3 * * *', timezone: 'UTC', dueAtMs: nowMs - 5, nowMs });
const unattended = (rotationId: string) => ({ rotationId, key: 'k', urgent: false });
const queueDown: Partial<SweepParts> = {
  wakeups: {
    ring: async () => {
      throw keyturnError('QUEUE_UNAVAILABLE');
    },
  },
};

describe('a due secret', () => {
  it('is started before its next time is set, so that a worker that dies in between loses nothing', async () => {
    const { sweep, did } = aSweep({ found: { due: async () => [due('test:/a')] } });
    await sweep.once();
    expect(did).toEqual([`start test:/a ${nowMs - 5}`, `reschedule test:/a ${nowMs - 5} -> ${nowMs + 60_000}`]);
  });

  it('that cannot be started stays due and does not hold up the others', async () => {
    const started: string[] = [];
    const { sweep, did } = aSweep({
      found: { due: async () => [due('test:/broken'), due('test:/a')] },
      parts: {
        startScheduled: async (secret) => {
          if (secret === 'test:/broken') throw keyturnError('UNKNOWN_SECRET', { secret });
          started.push(secret);
        },
      },
    });
    await sweep.once();
    expect(started).toEqual(['test:/a']);
    expect(did).toEqual([`reschedule test:/a ${nowMs - 5} -> ${nowMs + 60_000}`]);
  });
});

describe('an unattended rotation', () => {
  it('is rung for', async () => {
    const { sweep, did } = aSweep({ found: { unattended: async () => [unattended('r1')] } });
    await sweep.once();
    expect(did).toEqual(['rang rotation r1 k']);
  });

  it('is advanced by the sweep itself where the queue does not take the ring', async () => {
    const { sweep, did } = aSweep({ found: { unattended: async () => [unattended('r1')] }, parts: queueDown });
    await sweep.once();
    expect(did).toEqual(['did rotation r1']);
  });

  it('is advanced by the sweep itself where the queue takes rings and hands out none', async () => {
    const { sweep, did } = aSweep({ found: { unattended: async () => [unattended('r1')] } });
    for (let times = 0; times < 6; times += 1) await sweep.once();
    expect(did).toEqual([
      ...Array<string>(4).fill('rang rotation r1 k'),
      'silent queue',
      'did rotation r1',
      'did rotation r1',
    ]);
  });

  it('that was attended meanwhile is rung for anew', async () => {
    let sweeps = 0;
    const { sweep, did } = aSweep({
      found: { unattended: async () => ((sweeps += 1) % 4 === 0 ? [] : [unattended('r1')]) },
    });
    for (let times = 0; times < 12; times += 1) await sweep.once();
    expect(did).toEqual(Array<string>(9).fill('rang rotation r1 k'));
  });
});

it('what the policies of parameters asked for is told of in the log', async () => {
  const told: unknown[] = [];
  const policies = async () => [{ parameter: 'test:/a', version: 3, event: 'parameter.unchanged' } as const];
  const ignore = (): void => undefined;
  const { sweep } = aSweep({
    found: { policies },
    parts: { log: { debug: ignore, warn: ignore, error: ignore, info: (facts) => void told.push(facts) } },
  });
  await sweep.once();
  expect(told).toEqual([{ parameter: 'test:/a', version: 3, event: 'parameter.unchanged' }]);
});

it('a secret that is overdue is told of in the log', async () => {
  const warned: unknown[] = [];
  const ignore = (): void => undefined;
  const { sweep } = aSweep({
    found: { overdue: async () => [{ secret: 'test:/a', dueAtMs: Date.parse('2026-11-23T03:00:00Z') }] },
    parts: { log: { debug: ignore, info: ignore, error: ignore, warn: (facts) => void warned.push(facts) } },
  });
  await sweep.once();
  expect(warned).toEqual([{ secretId: 'test:/a', dueAt: '2026-11-23T03:00:00.000Z' }]);
});

it('an unsent webhook is rung for, or sent where the queue is down', async () => {
  const found = { undelivered: async () => [{ deliveryId: 'd1', key: 'k' }] };
  const up = aSweep({ found });
  await up.sweep.once();
  expect(up.did).toEqual(['rang delivery d1 k']);
  const down = aSweep({ found, parts: queueDown });
  await down.sweep.once();
  expect(down.did).toEqual(['did delivery d1']);
});

it('many unsent webhooks are rung for together, because who answers takes what else is due as well', async () => {
  const asked: number[] = [];
  const undelivered = async (limit: number) => {
    asked.push(limit);
    return Array.from({ length: 260 }, (_, index) => ({ deliveryId: `d${index}`, key: 'k' }));
  };
  const { sweep, did } = aSweep({ found: { undelivered } });
  await sweep.once();
  expect(did).toEqual(['rang delivery d0 k', 'rang delivery d128 k', 'rang delivery d256 k']);
  expect(asked).toEqual([200]);
});

it('webhooks are looked for oftener than what else is due', async () => {
  let looks = 0;
  let seen = (): void => undefined;
  const enough = new Promise<void>((resolve) => (seen = resolve));
  let dues = 0;
  const { sweep } = aSweep({
    found: {
      due: async () => ((dues += 1), []),
      undelivered: async () => {
        looks += 1;
        if (looks === 3) seen();
        return [];
      },
    },
    parts: { everyMs: 3_600_000, webhooksEveryMs: 1 },
  });
  sweep.start();
  await enough;
  await sweep.stop();
  expect(dues).toBe(1);
});

describe('an audit', () => {
  const found = {
    audits: async () => [
      { secret: 'test:/a', openRotation: null },
      { secret: 'test:/b', openRotation: 'r1' },
    ],
  };

  it('is made and written down where no rotation is open', async () => {
    const { sweep, did } = aSweep({ found });
    await sweep.once();
    expect(did).toEqual(['audited test:/a null']);
  });

  it('that finds something calls a person', async () => {
    const { sweep, did } = aSweep({ found, parts: { audit: async () => 'refused at one' } });
    await sweep.once();
    expect(did).toEqual(['audited test:/a refused at one', 'told {"secretId":"test:/a","problem":"refused at one"}']);
  });
});

it('what waits for the sweep does not wait for an audit that hangs', async () => {
  let rounds = 0;
  let goOn = (): void => undefined;
  let seen = (): void => undefined;
  const hanging = new Promise<null>((resolve) => (goOn = () => resolve(null)));
  const enough = new Promise<void>((resolve) => (seen = resolve));
  const { sweep } = aSweep({
    found: {
      audits: async () => [{ secret: 'test:/a', openRotation: null }],
      unattended: async () => {
        rounds += 1;
        if (rounds === 3) seen();
        return [];
      },
    },
    parts: { audit: async () => hanging, everyMs: 1 },
  });
  sweep.start();
  await enough;
  goOn();
  await sweep.stop();
  expect(rounds).toBeGreaterThanOrEqual(3);
});

it('an orphan is told of with its tag, and one that cannot be looked for holds up no other', async () => {
  const told: unknown[] = [];
  const log = { debug: () => undefined, info: () => undefined, error: () => undefined };
  const { sweep } = aSweep({
    found: { audits: async () => ['test:/a', 'test:/b'].map((secret) => ({ secret, openRotation: null })) },
    parts: {
      orphans: async (secret) => {
        if (secret === 'test:/a') throw keyturnError('TARGET_UNREACHABLE', { endpoint: 'one' });
        return [{ identity: 'left_over', rotationId: 'r0', live: true }];
      },
      log: { ...log, warn: (facts) => void told.push(facts) },
    },
  });
  await sweep.once();
  expect(told).toEqual([
    { part: 'orphans of test:/a', code: 'TARGET_UNREACHABLE' },
    { secretId: 'test:/b', identity: 'left_over', createdBy: 'r0' },
  ]);
});

it('a part that fails is left to the next sweep and holds up no other', async () => {
  const { sweep, did } = aSweep({
    found: { due: () => Promise.reject(new Error('no route')), unattended: async () => [unattended('r1')] },
  });
  await sweep.once();
  expect(did).toEqual(['rang rotation r1 k']);
});

it('a part that fails is told of once, and once more when it is well again', async () => {
  let failing = true;
  const told: string[] = [];
  const tell = (level: string) => (facts: Readonly<Record<string, unknown>>, message: string) =>
    void told.push(`${level} ${String(facts['part'])} ${String(facts['code'])}: ${message}`);
  const { sweep } = aSweep({
    found: {
      undelivered: async () => {
        if (failing) throw keyturnError('STATE_UNAVAILABLE');
        return [];
      },
    },
    parts: { log: { debug: tell('debug'), info: tell('info'), warn: tell('warn'), error: tell('error') } },
  });
  for (let times = 0; times < 3; times += 1) await sweep.once();
  failing = false;
  for (let times = 0; times < 2; times += 1) await sweep.once();
  expect(told).toEqual([
    'warn unsent webhooks STATE_UNAVAILABLE: sweep left to the next',
    'debug unsent webhooks STATE_UNAVAILABLE: sweep left to the next',
    'debug unsent webhooks STATE_UNAVAILABLE: sweep left to the next',
    'info unsent webhooks undefined: sweep well again',
  ]);
});

it('a sweep that is stopped finishes what it does and sweeps no more', async () => {
  let sweeps = 0;
  const { sweep } = aSweep({ found: { due: async () => ((sweeps += 1), []) } });
  sweep.start();
  await sweep.stop();
  expect(sweeps).toBe(1);
});
