import { appendFileSync } from 'node:fs';
import { marker, tallyVariable } from './canary.mjs';
import { type KnownValue, type Leak, type Sinks, scanSinks } from './leak-scanner.js';
import type { ScanCounts } from './run-leak-scan.js';

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

/** What the scan of a rig has found. Holds no value. */
export interface RigScan {
  /** `redis`, `load rig`: as it was asked for. */
  readonly of: string;
  readonly leaks: readonly Leak[];
  /** Of every sink, so that a test can see that none was left out. */
  readonly names: readonly string[];
  readonly bytes: number;
  /** Values that were looked for beside every canary. */
  readonly values: number;
}

/**
 * Looks for values in the sinks of a rig, and counts them with the scan at the end of the run. To be called when all has
 * happened and everything is still up. It runs without a test as well.
 *
 * *Errors*: a generated value without a canary.
 */
export async function scanRig({ of, known = [], generated = [], sinks }: LeakScan): Promise<RigScan> {
  const unmarked = generated.filter(({ value }) => !Buffer.from(value).includes(marker)).map(({ name }) => name);
  if (unmarked.length > 0) throw new Error(`generated values of ${of} carry no canary: ${unmarked.join(', ')}`);
  const values = [...known, ...generated];
  const { leaks, names, bytes } = await scanSinks(values, sinks);
  tally({ sinks: names.length, bytes, hits: leaks.length });
  return { of, leaks, names, bytes, values: values.length };
}

/** The figures of a scan, in a line. */
export function lineOfScan({ of, leaks, names, bytes, values }: RigScan): string {
  const sought = `${values} known values and every canary`;
  return `leak scan of ${of}: ${names.length} sinks scanned, ${bytes} bytes, ${sought}, ${leaks.length} hits`;
}

function tally(counted: ScanCounts): void {
  const file = process.env[tallyVariable];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(counted)}\n`);
}
