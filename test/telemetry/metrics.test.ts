import { expect, test } from 'vitest';
import type { Metrics } from '../../src/ports/operations.js';
import { metricsPage } from '../../src/telemetry/metrics.js';

type Read = Awaited<ReturnType<Metrics['read']>>;

const figures: Read = {
  rotations: [
    { workflow: 'staged-rotation', trigger: 'schedule', outcome: 'completed', count: 41 },
    { workflow: 'staged-rotation', trigger: 'demand', outcome: 'rolled_back', count: 2 },
  ],
  steps: [
    {
      step: 'create',
      bucketsMs: [
        { upToMs: 100, count: 3 },
        { upToMs: 1_000, count: 5 },
        { upToMs: Number.POSITIVE_INFINITY, count: 6 },
      ],
      count: 6,
      sumMs: 12_500,
    },
  ],
  overdue: [{ environment: 'prod', count: 1 }],
  open: [
    { status: 'running', count: 3 },
    { status: 'parked', count: 1 },
  ],
  acks: [{ outcome: 'wrong', count: 4 }],
};

const expected = [{ workflow: 'staged-rotation', trigger: 'demand' }];

async function page(read: () => Promise<Read>, isReady = true): Promise<readonly string[]> {
  const text = await metricsPage({ metrics: { read }, expected, isQueueReady: () => isReady }).read();
  return text.split('\n');
}

test('rotations are counted by workflow, trigger and outcome', async () => {
  const lines = await page(async () => figures);

  expect(lines).toContain('# TYPE keyturn_rotations_total counter');
  expect(lines).toContain(
    'keyturn_rotations_total{workflow="staged-rotation",trigger="schedule",outcome="completed"} 41',
  );
  expect(lines).toContain(
    'keyturn_rotations_total{workflow="staged-rotation",trigger="demand",outcome="rolled_back"} 2',
  );
});

test('what may be counted begins at 0, so that a rate sees the first', async () => {
  const lines = await page(async () => figures);
  const counted = lines.filter((line) => line.startsWith('keyturn_rotations_total{') && line.includes('"demand"'));

  expect([...counted].sort()).toEqual([
    'keyturn_rotations_total{workflow="staged-rotation",trigger="demand",outcome="cancelled"} 0',
    'keyturn_rotations_total{workflow="staged-rotation",trigger="demand",outcome="completed"} 0',
    'keyturn_rotations_total{workflow="staged-rotation",trigger="demand",outcome="rolled_back"} 2',
  ]);
});

test('durations of steps are a cumulative histogram in seconds', async () => {
  const lines = await page(async () => figures);

  expect(lines.filter((line) => line.includes('keyturn_step_duration_seconds')).slice(1)).toEqual([
    '# TYPE keyturn_step_duration_seconds histogram',
    'keyturn_step_duration_seconds_bucket{step="create",le="0.1"} 3',
    'keyturn_step_duration_seconds_bucket{step="create",le="1"} 5',
    'keyturn_step_duration_seconds_bucket{step="create",le="+Inf"} 6',
    'keyturn_step_duration_seconds_sum{step="create"} 12.5',
    'keyturn_step_duration_seconds_count{step="create"} 6',
  ]);
});

test('overdue secrets and open rotations are gauges', async () => {
  const lines = await page(async () => figures);

  expect(lines).toContain('keyturn_overdue_secrets{environment="prod"} 1');
  expect(lines).toContain('keyturn_open_rotations{status="running"} 3');
  expect(lines).toContain('keyturn_open_rotations{status="parked"} 1');
});

test('acks are counted by outcome, and every outcome begins at 0', async () => {
  const lines = await page(async () => figures);

  expect(lines.filter((line) => line.startsWith('keyturn_acks_total{'))).toEqual([
    'keyturn_acks_total{outcome="proved"} 0',
    'keyturn_acks_total{outcome="refused"} 0',
    'keyturn_acks_total{outcome="wrong"} 4',
    'keyturn_acks_total{outcome="replayed"} 0',
    'keyturn_acks_total{outcome="expired"} 0',
    'keyturn_acks_total{outcome="unsigned"} 0',
  ]);
});

test('asking twice does not count twice', async () => {
  const made = metricsPage({ metrics: { read: async () => figures }, expected, isQueueReady: () => true });
  await made.read();

  expect(await made.read()).toContain('outcome="completed"} 41\n');
});

test('what has gone from the database goes from the page', async () => {
  let read = figures;
  const made = metricsPage({ metrics: { read: async () => read }, expected, isQueueReady: () => true });
  await made.read();
  read = { ...figures, open: [] };

  expect(await made.read()).not.toContain('keyturn_open_rotations{');
});

test('a database that does not answer leaves the figures out and the page standing', async () => {
  const lines = await page(async () => Promise.reject(new Error('planted-password')));

  expect(lines).toContain('keyturn_state_database_up 0');
  expect(lines).toContain('keyturn_queue_up 1');
  expect(lines.some((line) => line.startsWith('process_cpu_seconds_total'))).toBe(true);
  expect(lines.join('\n')).not.toMatch(/keyturn_rotations_total|planted-password/);
});

test('a queue that is down is told of', async () => {
  expect(await page(async () => figures, false)).toContain('keyturn_queue_up 0');
});

test('a label cannot break out of its line', async () => {
  const lines = await page(async () => ({ ...figures, overdue: [{ environment: 'a"} 1\nplanted 1', count: 1 }] }));

  expect(lines.some((line) => line.startsWith('planted'))).toBe(false);
});
