import { appendFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { TestContext } from 'vitest';
import { marker, tallyVariable } from './canary.mjs';
import { reportFigure } from './figures.js';
import type { ScanCounts } from './run-leak-scan.js';
import { type KnownValue, type Scanned, type Sinks, scanSinks } from './leak-scanner.js';

/** What a rig scans at its end. */
export interface LeakScan {
  /** Whose sinks they are: `crash rig on redis`. */
  readonly of: string;
  /** Secrets of the rig itself: passwords of admins, signing keys. Default: none. */
  readonly known?: readonly KnownValue[];
  /**
   * What rotators have generated, as far as the rig can open it, for example by reading the store. Their canary finds
   * them; one that has none fails the scan, because what else was generated would not be found either. Default: none.
   */
  readonly generated?: readonly KnownValue[];
  readonly sinks: readonly Sinks[];
}

/**
 * Fails the test where a value is in a sink, by naming the sink and the encoding and never the value, and prints what
 * was scanned. To be called when all has happened and everything is still up.
 *
 *     await expectNoLeaks(context, {
 *       of: 'load rig',
 *       sinks: [tablesOf(url), statementsOf(url), clusterFilesOf(url), filesAt(logFile), processesOf(pids)],
 *     });
 */
export async function expectNoLeaks(context: Pick<TestContext, 'task'>, scan: LeakScan): Promise<Scanned> {
  const { scanned, line } = await scanAll(scan);
  reportFigure(context, line);
  expect(scanned.bytes).toBeGreaterThan(0);
  expect(scanned.leaks).toEqual([]);
  return scanned;
}

/**
 * The same for the end of a rig, where there is no test to print for: what was scanned is counted with the scan at the
 * end of the run. *Errors*: a value is in a sink.
 */
export async function refuseLeaks(scan: LeakScan): Promise<void> {
  const { leaks, names, bytes } = (await scanAll(scan)).scanned;
  tally({ sinks: names.length, bytes, hits: leaks.length });
  if (leaks.length > 0) throw new Error(`a value of ${scan.of} has leaked: ${JSON.stringify(leaks)}`);
}

async function scanAll(scan: LeakScan): Promise<{ readonly scanned: Scanned; readonly line: string }> {
  const { of, known = [], generated = [], sinks } = scan;
  const unmarked = generated.filter(({ value }) => !Buffer.from(value).includes(marker)).map(({ name }) => name);
  if (unmarked.length > 0) throw new Error(`generated values of ${of} carry no canary: ${unmarked.join(', ')}`);
  const scanned = await scanSinks([...known, ...generated], sinks);
  const values = `${known.length + generated.length} known values and every canary`;
  const { names, bytes, leaks } = scanned;
  return {
    scanned,
    line: `leak scan of ${of}: ${names.length} sinks, ${bytes} bytes, ${values}, ${leaks.length} hits`,
  };
}

function tally(counted: ScanCounts): void {
  const file = process.env[tallyVariable];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(counted)}\n`);
}
