import type { Narrator } from './narrator.js';
import { type DemoSeen, type JudgedPromise, isRefused, judgePromises } from './promises.js';

/** What the demo ends in: the document of `--json`. */
export interface DemoReport {
  readonly rotations: {
    /** Those that replaced a credential. */
    readonly succeeded: number;
    readonly rolledBack: number;
    /** Those that gave a secret its first one. */
    readonly firstCredentials: number;
    readonly details: DemoSeen['rotations'];
  };
  readonly workerKills: number;
  readonly takeover: DemoSeen['kill'];
  /** All applications together. */
  readonly consumer: DemoSeen['app'];
  /** Who was answered for, who had proved, and who was told. */
  readonly waived: DemoSeen['waived'];
  readonly probe: DemoSeen['probe'];
  readonly oldCredentialsRefused: number;
  readonly orphans: number;
  readonly promises: readonly JudgedPromise[];
  /** True where every promise was kept. */
  readonly ok: boolean;
  readonly elapsedMs: number;
}

/** Judges what was seen and counts it. */
export function reportOn(seen: DemoSeen, elapsedMs: number): DemoReport {
  const promises = judgePromises(seen);
  const count = (holds: (rotation: DemoSeen['rotations'][number]) => boolean): number =>
    seen.rotations.filter(holds).length;
  return {
    rotations: {
      succeeded: count(({ act, status }) => act !== 'first' && status === 'completed'),
      rolledBack: count(({ status }) => status === 'rolled_back'),
      firstCredentials: count(({ act, status }) => act === 'first' && status === 'completed'),
      details: seen.rotations,
    },
    workerKills: seen.kill === null ? 0 : 1,
    takeover: seen.kill,
    consumer: seen.app,
    waived: seen.waived,
    probe: seen.probe,
    oldCredentialsRefused: seen.oldLogins.filter(({ answer }) => isRefused(answer)).length,
    orphans: seen.orphans.length,
    promises,
    ok: promises.every(({ kept }) => kept),
    elapsedMs: Math.round(elapsedMs),
  };
}

/** The final table, for people. */
export function tellReport(report: DemoReport, narrator: Narrator): void {
  narrator.heading('What was promised, and what was seen');
  const width = Math.max(...report.promises.map(({ promise }) => promise.length));
  for (const { promise, kept, seen } of report.promises) narrator.verdict(kept, `${promise.padEnd(width)}  ${seen}`);
  const { rotations, consumer, probe } = report;
  const rows: readonly (readonly [string, string])[] = [
    ['rotations completed', `${rotations.succeeded}, and a first credential`],
    ['rotations rolled back', String(rotations.rolledBack)],
    ['workers killed', String(report.workerKills)],
    ['queries of the applications', `${consumer.queries.toLocaleString('en')}, ${consumer.failures} failed`],
    ['fresh logins of the applications', consumer.freshLogins.toLocaleString('en')],
    ['logins of the probe', `${probe.looks.toLocaleString('en')}, ${probe.failures} failed`],
    ['old credentials refused', String(report.oldCredentialsRefused)],
    ['orphans', String(report.orphans)],
    ['seconds', (report.elapsedMs / 1000).toFixed(1)],
  ];
  narrator.heading('In numbers');
  const nameWidth = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) narrator.line(`${name.padEnd(nameWidth)}  ${value}`);
}
