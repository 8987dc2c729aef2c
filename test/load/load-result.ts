import type { RigScan } from '../support/rig-scan.js';
import { consumerNames } from './cast.js';
import type { ConsumerCounters } from './consumer-protocol.js';
import type { ProbeSeen } from './current-probe.js';
import type { QueueKind } from './ground.js';
import type { Unfinished } from './rotation-lanes.js';

/** What a run under load ends in: the document of `npm run soak`. Holds no value. */
export interface LoadResult {
  readonly queue: QueueKind;
  readonly seconds: number;
  readonly consumers: readonly {
    readonly name: string;
    /** False where its process died; its counters are then the newest report. */
    readonly hasFinished: boolean;
    readonly counters: ConsumerCounters;
  }[];
  readonly probe: ProbeSeen;
  readonly rotations: {
    readonly asked: number;
    readonly completed: number;
    readonly rolledBack: number;
    readonly parked: number;
    /** Still open when the run was ended. */
    readonly open: number;
    readonly unfinished: readonly Unfinished[];
    /** From request to end. Milliseconds. */
    readonly tookMs: { readonly median: number; readonly longest: number };
  };
  readonly kills: number;
  /** Kills of a worker that held a lease. */
  readonly killsInWork: number;
  readonly flushes: number;
  /** Times the rig would have killed, and only one worker was at work. */
  readonly sparedKills: number;
  /** Workers that ended by themselves, by their last words. */
  readonly workerFailures: readonly string[];
  /** `secret version` of each that was not refused: when its rotation had completed, or at the end. */
  readonly oldAccepted: readonly string[];
  readonly oldRefused: number;
  readonly orphans: readonly string[];
  readonly remains: readonly string[];
  readonly scan: LoadScan;
}

/** How many sinks were scanned for values, and what was found. */
export type LoadScan = Pick<RigScan, 'leaks' | 'bytes' | 'values'> & { readonly sinks: number };

/** Everything in a result that must not be. Empty: all promises were kept. */
export function findingsOf(result: LoadResult): readonly string[] {
  const { consumers, probe, rotations } = result;
  const shown = ({ doing, code, secret, version }: ProbeSeen['firstFailures'][number]): string =>
    `${doing}: ${code} (${secret} version ${version ?? '?'})`;
  return [
    ...consumers.flatMap(({ name, hasFinished, counters }) => [
      ...(hasFinished ? [] : [`${name} died`]),
      ...(counters.queries > 0 && counters.freshLogins > 0 ? [] : [`${name} did nothing`]),
      ...(counters.failures === 0 ? [] : [`${name}: ${counters.failures} failures`]),
      ...counters.firstFailures.map((failure) => `${name}: ${shown(failure)}`),
    ]),
    ...(probe.logins > 0 ? [] : ['the probe did nothing']),
    ...(probe.failures === 0 ? [] : [`the probe: ${probe.failures} failures`]),
    ...probe.firstFailures.map((failure) => `the probe: ${shown(failure)}`),
    ...rotations.unfinished.map(
      ({ rotationId, secret, status, step, code }) =>
        `rotation ${rotationId} of ${secret} is ${status}${step === '' ? '' : ` at ${step}`}${code === null ? '' : ` (${code})`}`,
    ),
    ...(rotations.asked > 0 && rotations.completed === rotations.asked
      ? []
      : [`${rotations.completed} of ${rotations.asked} rotations completed`]),
    ...(result.kills > 0 ? [] : ['no worker was killed']),
    ...(result.flushes > 0 ? [] : ['the queue was not flushed']),
    ...result.workerFailures,
    ...result.oldAccepted.map((old) => `the old credential ${old} was not refused`),
    ...result.orphans.map((orphan) => `orphan: ${orphan}`),
    ...result.remains.map((remains) => `left behind: ${remains}`),
    ...(result.scan.sinks > 0 && result.scan.values > 0 ? [] : ['nothing was scanned for values']),
    ...result.scan.leaks.map(({ value, sink, encoding }) => `leaked: ${value} in ${sink} (${encoding})`),
  ];
}

/** One line of text with the figures of a run. */
export function lineOf(result: LoadResult): string {
  const { consumers, probe, rotations, kills, killsInWork, flushes, orphans, scan } = result;
  const sum = (pick: (counters: ConsumerCounters) => number): number =>
    consumers.reduce((total, { counters }) => total + pick(counters), 0);
  const logins = probe.logins + sum((counters) => counters.freshLogins);
  const failures = probe.failures + sum((counters) => counters.failures);
  const others = [
    [rotations.rolledBack, 'rolled back'],
    [rotations.parked, 'parked'],
    [rotations.open, 'still open'],
  ].flatMap(([count, how]) => (count === 0 ? [] : [`, ${count} ${how}`]));
  return (
    `load on ${result.queue}: ${sum(({ queries }) => queries)} queries and ${logins} logins of ` +
    `${consumerNames.length} consumers and a probe, ${failures} failures; ${rotations.completed} rotations` +
    `${others.join('')}, ${kills} kills (${killsInWork} in work), ${flushes} flushes, ${orphans.length} orphans, ` +
    `${scan.sinks} sinks scanned, ${scan.leaks.length} hits`
  );
}
