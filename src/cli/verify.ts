import { judgeFlights } from '../core/history/flights.js';
import { judgeStored } from '../core/history/stored.js';
import type { HistoryOptions, Violation } from '../core/history/violation.js';
import type { HistoryFilter, HistoryReader } from '../ports/history.js';

/** What judging a real journal has come to. */
export interface Verified {
  readonly rotations: number;
  readonly events: number;
  readonly violations: number;
}

/**
 * Clocks are stepped by NTP, and a commit takes its time before it has all its locks. A second of that is no violation;
 * milliseconds.
 */
const SLACK_MS = 1_000;

/** Judges what the reader gives, and tells of each violation as soon as it is found. */
export async function verify(
  reader: HistoryReader,
  filter: HistoryFilter,
  { workflows, tell }: Pick<HistoryOptions, 'workflows'> & { readonly tell: (violation: Violation) => void },
): Promise<Verified> {
  const options = { workflows, slackMs: SLACK_MS };
  const flights = [];
  let [rotations, events, violations] = [0, 0, 0];
  const found = (violation: Violation): void => {
    violations += 1;
    tell(violation);
  };
  for await (const stored of reader.histories(filter)) {
    const judged = judgeStored(stored, options);
    judged.violations.forEach(found);
    if (judged.flight !== null) flights.push(judged.flight);
    rotations += 1;
    events += stored.events.length;
  }
  judgeFlights(flights, SLACK_MS).forEach(found);
  for (const rotationId of await reader.strays(filter)) {
    found({ invariant: 'A2', rotationId, seq: 0, what: 'it has events and no row among the rotations' });
  }
  return { rotations, events, violations };
}

/** What to do about a violation, by its invariant. `docs/audit.md` says more of each. */
export function whatToDo({ invariant, rotationId }: Violation): string {
  const look = `Look with: keyturn history ${rotationId}`;
  switch (invariant) {
    case 'A2':
    case 'C5':
      return `Somebody with write access to the database changed it, or a backup was restored in part: compare with a backup. ${look}`;
    case 'F21':
      return 'Run this command in the version of Keyturn that knows it.';
    case 'F29':
      return 'Check the clock of the database server (NTP, fail-over); what waited on time may have waited too little.';
    case 'I1':
    case 'I2':
    case 'I3':
      return `Check now that consumers can log in, with: keyturn doctor. Then keep this output and report it. ${look}`;
    case 'I4':
    case 'I5':
    case 'I13':
      return `Compare the accounts at the target with what keyturn status names; one may be left alive. ${look}`;
    case 'I8':
    case 'I9':
      return 'Make sure that one installation alone works on this database (see DATABASE_MOVED in docs/errors.md), then report it.';
    default:
      return `Keep this output and report it. ${look}`;
  }
}
