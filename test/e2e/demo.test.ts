import { beforeAll, describe, expect, test } from 'vitest';
import { build } from '../support/built.js';
import { leftOf, reportOf, startChangedDemo, startDemo } from '../support/demo.js';

/** One after the other, and on a machine that does other things. */
const maxMs = 240_000;

beforeAll(build, maxMs);

describe('keyturn demo --json', () => {
  test.each(['built-in', 'ssm'])(
    'keeps its promises with --store %s, says so in the last line of stdout, and leaves nothing',
    async (store) => {
      const demo = await startDemo('--store', store);

      const end = await demo.ended;

      expect(end.status, end.told).toBe(0);
      const report = reportOf(end);
      expect(report).toMatchObject({
        rotations: { succeeded: 2, rolledBack: 1, firstCredentials: 1 },
        workerKills: 1,
        consumer: { failures: 0, failedWith: [] },
        probe: { failures: 0 },
        oldCredentialsRefused: 2,
        orphans: 0,
        ok: true,
      });
      expect(report.consumer.queries).toBeGreaterThanOrEqual(1_000);
      expect(report.consumer.freshLogins).toBeGreaterThanOrEqual(100);
      expect(report.elapsedMs).toBeGreaterThan(0);
      expect(report.promises.filter(({ kept }) => !kept)).toEqual([]);
      expect(await leftOf(demo)).toEqual([]);
    },
    maxMs,
  );

  test(
    'names a broken promise and exits with 1',
    async () => {
      const demo = await startChangedDemo({ failures: 1 });

      const end = await demo.ended;

      expect(end.status).toBe(1);
      expect(reportOf(end).promises.filter(({ kept }) => !kept)).toEqual([
        {
          promise: 'the application saw no refused login and no failed query',
          kept: false,
          seen: '1 failure(s): planted by the test',
        },
      ]);
      expect(end.told).toMatch(/BROKEN {2}the application saw no refused login and no failed query/);
      expect(await leftOf(demo)).toEqual([]);
    },
    maxMs,
  );
});
