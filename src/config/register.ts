import type { Calendar, Registry, SweepQueries } from '../ports/operations.js';
import type { Config } from './config.js';

/** What registering needs. */
export interface RegisterPorts {
  readonly registry: Registry;
  readonly calendar: Calendar;
  readonly sweep: Pick<SweepQueries, 'reschedule'>;
  /** When schedules begin to count. Milliseconds since 1970. */
  readonly nowMs: number;
}

/**
 * Makes secrets, targets and endpoints in the database equal to what the configuration declares, and sets the first due
 * time of new schedules. *Repeat*: harmless; several workers at once as well.
 */
export async function registerConfig(
  config: Config,
  { registry, calendar, sweep, nowMs }: RegisterPorts,
): Promise<void> {
  for (const { name, secrets, targets, webhooks } of Object.values(config.environments)) {
    const unscheduled = await registry.declare({
      environment: name,
      secrets: Object.values(secrets).map(({ id, environment, path, target, schedule }) => ({
        secret: id,
        environment,
        path,
        target,
        schedule,
      })),
      targets: Object.values(targets).map((target) => ({
        environment: name,
        target: target.name,
        concurrency: target.concurrency,
      })),
      endpoints: webhooks.map(({ key: _key, ...webhook }) => ({ environment: name, ...webhook })),
    });
    for (const { secret, schedule } of unscheduled) {
      if (schedule === null) continue;
      await sweep.reschedule(secret, null, calendar.next(schedule.cron, schedule.timezone, nowMs));
    }
  }
}
