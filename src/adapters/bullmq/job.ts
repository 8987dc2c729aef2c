import type { JobsOptions } from 'bullmq';
import type { Wakeup } from '../../ports/wakeups.js';

/** The queues there are. No others are made: many queue names make the PostgreSQL backend slow. */
export const queueNames = { rotation: 'rotations', delivery: 'deliveries' } as const;

/** What a ring is about. */
export type About = Wakeup['about'];

/** A job as the queue takes it. */
export interface Job {
  readonly name: About;
  readonly data: Readonly<Record<string, string>>;
  readonly options: JobsOptions;
}

const field = { rotation: 'rotationId', delivery: 'deliveryId' } as const;

/** A later time is asked for again by the sweep. Milliseconds. */
const maxDelayMs = 7 * 24 * 3_600_000;

/** The job of a ring: an id and nothing else. */
export function jobOf({ about, id, key, delayMs, urgent }: Wakeup): Job {
  return {
    name: about,
    data: { [field[about]]: id },
    options: {
      jobId: jobIdOf(about, id, key),
      delay: Math.min(Math.max(0, Math.round(delayMs)), maxDelayMs),
      // 1 is the first of all that carry a priority, and all of ours do.
      priority: urgent ? 1 : 10,
      // The journal keeps the budget of tries; the queue tries once.
      attempts: 1,
      // Adding a job whose id still exists is a silent no-op, so nothing finished may stay.
      removeOnComplete: true,
      removeOnFail: true,
      stackTraceLimit: 0,
    },
  };
}

/**
 * Differs for every (what, id, key). BullMQ refuses `:` and bare integers in ids; the slash, which the encoding never
 * leaves in a part, keeps the parts apart.
 */
export function jobIdOf(about: About, id: string, key: string): string {
  return [about, id, key].map(encodeURIComponent).join('/');
}

/**
 * The id a job's data names. *Returns* undefined for anything but exactly what {@link jobOf} writes: the queue is open
 * to whoever has its URL, so what comes out of it is a hint at best.
 */
export function idIn(about: About, data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return undefined;
  const entries: readonly (readonly [string, unknown])[] = Object.entries(data);
  const [name, id] = entries[0] ?? [];
  if (entries.length !== 1 || name !== field[about]) return undefined;
  return typeof id === 'string' && /^[\w.:-]{1,128}$/.test(id) ? id : undefined;
}
