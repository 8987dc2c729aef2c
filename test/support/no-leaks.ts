import { expect } from 'vitest';
import type { TestContext } from 'vitest';
import { marker } from './canary.mjs';
import { reportFigure } from './figures.js';
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
  const { of, known = [], generated = [], sinks } = scan;
  expect(generated.filter(({ value }) => !Buffer.from(value).includes(marker)).map(({ name }) => name)).toEqual([]);
  const scanned = await scanSinks([...known, ...generated], sinks);
  const { leaks, names, bytes } = scanned;
  const values = `${known.length + generated.length} known values and every canary`;
  reportFigure(context, `leak scan of ${of}: ${names.length} sinks, ${bytes} bytes, ${values}, ${leaks.length} hits`);
  expect(bytes).toBeGreaterThan(0);
  expect(leaks).toEqual([]);
  return scanned;
}
