import type { Recorded } from '../../src/core/rotation-event.js';
import type { Rig } from './rig.js';
import type { WorkerProcess } from './worker-process.js';

/** What is told of each: enough to see how it came to its end. */
const LAST_EVENTS = 6;
const LAST_LINES = 4;

/** A log line of a worker, as far as it is read here. */
interface Line {
  readonly rotationId?: string;
  readonly level?: string;
  readonly msg?: string;
  readonly code?: string;
  readonly kind?: string;
}

/** How a rotation went, for whoever reads a finding: its last events, and what its workers last said of it. */
export async function traceOf(rig: Rig, rotationId: string, workers: readonly WorkerProcess[]): Promise<string> {
  const events = (await rig.state.views.events(rotationId, 0)).slice(-LAST_EVENTS).map(eventText);
  const lines = workers.flatMap(({ errors }) => linesOf(errors, rotationId)).slice(-LAST_LINES);
  return `its journal ends [${events.join(', ')}], ${await leaseOf(rig, rotationId)}; its workers said [${lines.join(', ')}]`;
}

/** The epoch of the lease tells whether anybody has tried since the last event. */
async function leaseOf({ pool }: Rig, rotationId: string): Promise<string> {
  const { rows } = await pool.query<{ readonly told: string }>(
    `SELECT format('last lease: epoch %s, %s, %s ms left; due in %s ms', l.epoch, CASE WHEN l.released THEN 'released' ELSE 'kept' END,
       round(extract(epoch FROM l.expires_at - clock_timestamp()) * 1000), round(extract(epoch FROM r.due_at - clock_timestamp()) * 1000)) AS told
     FROM keyturn.rotations r JOIN keyturn.leases l USING (secret) WHERE r.rotation_id = $1`,
    [rotationId],
  );
  return rows[0]?.told ?? 'no lease';
}

function eventText({ epoch, event }: Recorded): string {
  const told = [
    'step' in event ? event.step : '',
    'code' in event ? event.code : '',
    'why' in event ? `(${event.why})` : '',
  ].filter(Boolean);
  return `${[event.kind, ...told].join(' ')} by ${epoch}`;
}

function linesOf(log: string, rotationId: string): readonly string[] {
  return log
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}') && line.includes(rotationId))
    .map((line) => JSON.parse(line) as Line)
    .map(({ level, msg, code, kind }) => [level, msg, kind, code].filter(Boolean).join(' '));
}
