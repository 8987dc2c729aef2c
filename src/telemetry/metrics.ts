import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { FinalStatus } from '../core/rotation-event.js';
import type { Metrics } from '../ports/operations.js';

type Read = Awaited<ReturnType<Metrics['read']>>;

/** What `/metrics` answers. */
export interface MetricsPage {
  readonly contentType: string;
  /**
   * The text of now. Figures of rotations are read from the database; where that fails they are left out,
   * `keyturn_state_database_up` is 0, and the rest is answered.
   */
  readonly read: () => Promise<string>;
}

/** Rotations that this process may end. */
export type Expected = Pick<Read['rotations'][number], 'workflow' | 'trigger'>;

/** What the page is made with. */
export interface MetricsOptions {
  readonly metrics: Metrics;
  /** What may be counted here: series that begin at 0, because a rate does not see the first of what begins at 1. */
  readonly expected: readonly Expected[];
  /** Whether the queue can be used now. */
  readonly isQueueReady: () => boolean;
}

/**
 * The page for Prometheus. Every worker answers the same figures for rotations, because they are rows written in the
 * transactions of the events: take their `max`, never their `sum`. Figures of the process carry `process_` and `nodejs_`.
 */
export function metricsPage({ metrics, expected, isQueueReady }: MetricsOptions): MetricsPage {
  const ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess });
  return {
    contentType: ofProcess.contentType,
    read: async () => {
      // New for every page: what is in the database is the whole truth, and nothing of the last page may stay.
      const registry = new Registry();
      gauge(registry, 'keyturn_queue_up', 'Whether the queue can be used; 0 delays work until the sweep.', [
        [{}, isQueueReady() ? 1 : 0],
      ]);
      const read = await metrics.read().catch(() => undefined);
      gauge(registry, 'keyturn_state_database_up', 'Whether the figures of rotations could be read.', [
        [{}, read === undefined ? 0 : 1],
      ]);
      if (read !== undefined) register(registry, read, expected);
      return Registry.merge([registry, ofProcess]).metrics();
    },
  };
}

const outcomes: readonly FinalStatus[] = ['completed', 'rolled_back', 'cancelled'];

const ackOutcomes = ['proved', 'refused', 'wrong', 'replayed', 'expired', 'unsigned'] as const;

function register(
  registry: Registry,
  { rotations, steps, overdue, open, acks }: Read,
  expected: readonly Expected[],
): void {
  const total = new Counter({
    name: 'keyturn_rotations_total',
    help: 'Rotations that have ended.',
    labelNames: ['workflow', 'trigger', 'outcome'],
    registers: [registry],
  });
  for (const labels of expected) for (const outcome of outcomes) total.inc({ ...labels, outcome }, 0);
  for (const { workflow, trigger, outcome, count } of rotations) total.inc({ workflow, trigger, outcome }, count);
  // The library's type wants its own classes; what it calls is `get`.
  registry.registerMetric(stepDurations(steps) as never);
  gauge(
    registry,
    'keyturn_overdue_secrets',
    'Secrets whose due time has passed without a rotation.',
    overdue.map(({ environment, count }) => [{ environment }, count]),
  );
  gauge(
    registry,
    'keyturn_open_rotations',
    'Rotations that have not ended, parked ones included.',
    open.map(({ status, count }) => [{ status }, count]),
  );
  const ackTotal = new Counter({
    name: 'keyturn_acks_total',
    help: 'What consumers answered to POST /v1/acks, by what became of it.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  for (const outcome of ackOutcomes) ackTotal.inc({ outcome }, 0);
  for (const { outcome, count } of acks) ackTotal.inc({ outcome }, count);
}

type Labelled = readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];

function gauge(registry: Registry, name: string, help: string, values: Labelled): void {
  const labelNames = [...new Set(values.flatMap(([labels]) => Object.keys(labels)))];
  const made = new Gauge({ name, help, labelNames, registers: [registry] });
  for (const [labels, value] of values) made.set(labels, value);
}

/** A registry asks a metric for its values and for nothing else; a `Histogram` of the library cannot be given buckets. */
function stepDurations(steps: Read['steps']): { readonly name: string; readonly get: () => Promise<unknown> } {
  const name = 'keyturn_step_duration_seconds';
  const values = steps.flatMap(({ step, bucketsMs, count, sumMs }) => {
    const bounds = bucketsMs.filter(({ upToMs }) => Number.isFinite(upToMs));
    const buckets = bounds.map(({ upToMs, count: upTo }) => ({
      metricName: `${name}_bucket`,
      labels: { step, le: upToMs / 1_000 },
      value: upTo,
    }));
    return [
      ...buckets,
      { metricName: `${name}_bucket`, labels: { step, le: '+Inf' }, value: count },
      { metricName: `${name}_sum`, labels: { step }, value: sumMs / 1_000 },
      { metricName: `${name}_count`, labels: { step }, value: count },
    ];
  });
  const metric = { name, help: 'How long steps took that were done.', type: 'histogram', values, aggregator: 'sum' };
  return { name, get: async () => metric };
}
