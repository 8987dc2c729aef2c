import { expect } from 'vitest';
import type { TestContext } from 'vitest';
import { reportFigure } from './figures.js';
import { type LeakScan, type RigScan, lineOfScan, scanRig } from './rig-scan.js';

/**
 * Fails the test where a value is in a sink, by naming the sink and the encoding and never the value, and prints what
 * was scanned. To be called when all has happened and everything is still up.
 *
 *     await expectNoLeaks(context, {
 *       of: 'load rig',
 *       sinks: [tablesOf(url), statementsOf(url), clusterFilesOf(url), filesAt(logFile), processesOf(pids)],
 *     });
 */
export async function expectNoLeaks(context: Pick<TestContext, 'task'>, scan: LeakScan): Promise<RigScan> {
  const scanned = await scanRig(scan);
  reportFigure(context, lineOfScan(scanned));
  expect(scanned.bytes).toBeGreaterThan(0);
  expect(scanned.leaks).toEqual([]);
  return scanned;
}

/** The same for the end of a rig, where there is no test to print for. *Errors*: a value is in a sink. */
export async function refuseLeaks(scan: LeakScan): Promise<void> {
  const { of, leaks } = await scanRig(scan);
  if (leaks.length > 0) throw new Error(`a value of ${of} has leaked: ${JSON.stringify(leaks)}`);
}
