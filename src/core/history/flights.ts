import type { Past } from './past.js';
import { field } from './journaled-value.js';
import type { Violation } from './violation.js';

/** What is left of a judged rotation, for the comparison with others. */
export interface Flight {
  readonly rotationId: string;
  readonly secret: string;
  /** What it claims at the target, and from when; null: nothing yet. */
  readonly claim: { readonly key: string; readonly fromMs: number } | null;
  readonly requestedMs: number;
  /** Null: it is open. */
  readonly closedMs: number | null;
  /** The epochs of its executors, rising. */
  readonly epochs: readonly number[];
  readonly lastSeq: number;
}

/** The flight of a rotation, from what its journal has said. */
export function flightOf(past: Past, epochs: readonly number[], lastSeq: number): Flight {
  const { plan, requestedMs, closedMs, claimedMs } = past;
  const system = field(past.output('preflight'), 'system');
  return {
    rotationId: plan.rotationId,
    secret: plan.secret,
    claim: claimedMs === null ? null : { key: `${String(system)} ${plan.principal}`, fromMs: claimedMs },
    requestedMs,
    closedMs,
    epochs,
    lastSeq,
  };
}

/** Judges rotations beside each other: I8, no two at once; I9, no epoch twice and none that goes back. */
export function judgeFlights(flights: readonly Flight[], slackMs: number): readonly Violation[] {
  const found: Violation[] = [];
  const writer = new Map<number, string>();
  for (const { rotationId, epochs, lastSeq } of flights) {
    for (const epoch of epochs) {
      const other = writer.get(epoch);
      if (other === undefined) writer.set(epoch, rotationId);
      else
        found.push({ invariant: 'I9', rotationId, seq: lastSeq, what: `epoch ${epoch} has also written in ${other}` });
    }
  }
  for (const [secret, own] of grouped(flights, (each) => each.secret)) {
    overlaps(
      own,
      slackMs,
      (each) => each.requestedMs,
      (first, second) => {
        found.push({
          invariant: 'I8',
          rotationId: second.rotationId,
          seq: 1,
          what: `${secret} was being rotated by ${first.rotationId}`,
        });
      },
    );
    judgeHandOvers(own, found);
  }
  for (const own of grouped(flights, (each) => each.claim?.key).values()) {
    const from = (each: Flight) => each.claim?.fromMs ?? 0;
    overlaps(own, slackMs, from, (first, second) => {
      if (first.secret === second.secret) return;
      found.push({
        invariant: 'I8',
        rotationId: second.rotationId,
        seq: second.lastSeq,
        what: `its principal was at work in ${first.rotationId}`,
      });
    });
  }
  return found;
}

/** The next rotation of a secret is worked on by younger executors only. */
function judgeHandOvers(flights: readonly Flight[], found: Violation[]): void {
  let newest = 0;
  for (const { rotationId, epochs, lastSeq } of flights) {
    const [first] = epochs;
    const last = epochs.at(-1);
    if (first === undefined || last === undefined) continue;
    if (first < newest)
      found.push({
        invariant: 'I9',
        rotationId,
        seq: lastSeq,
        what: `epoch ${first} follows epoch ${newest} of an earlier rotation`,
      });
    newest = Math.max(newest, last);
  }
}

/** Walks flights by their beginning, and tells of each that begins before all earlier ones have ended. */
function overlaps(
  flights: Flight[],
  slackMs: number,
  from: (flight: Flight) => number,
  tell: (first: Flight, second: Flight) => void,
): void {
  flights.sort((a, b) => from(a) - from(b) || (a.epochs[0] ?? 0) - (b.epochs[0] ?? 0));
  let latest: Flight | undefined;
  for (const flight of flights) {
    if (latest !== undefined && from(flight) < endOf(latest) - slackMs) tell(latest, flight);
    if (latest === undefined || endOf(flight) > endOf(latest)) latest = flight;
  }
}

function endOf({ closedMs }: Flight): number {
  return closedMs ?? Number.POSITIVE_INFINITY;
}

function grouped(
  flights: readonly Flight[],
  key: (flight: Flight) => string | undefined,
): ReadonlyMap<string, Flight[]> {
  const groups = new Map<string, Flight[]>();
  for (const flight of flights) {
    const name = key(flight);
    if (name === undefined) continue;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [flight]);
    else group.push(flight);
  }
  return groups;
}
