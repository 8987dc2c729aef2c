import { beforeAll, describe, expect, test } from 'vitest';
import { build } from '../support/built.js';
import { leftOf, reportOf, startChangedDemo, startDemo } from '../support/demo.js';
import { isLong, isOnlyLong } from '../support/length.js';

/** One after the other, and on a machine that does other things. */
const maxMs = 240_000;

beforeAll(build, maxMs);

describe('keyturn demo --json', () => {
  // Each takes the better part of a minute.
  test.each([...(isOnlyLong ? [] : ['built-in']), ...(isLong ? ['ssm'] : [])])(
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
        waived: {
          consumer: 'billing-reports',
          proved: ['billing-canary', 'billing-next', 'billing-app'],
          heldBack: true,
        },
        orphans: 0,
        ok: true,
      });
      for (const text of [
        'billing-canary, billing-next, billing-app, billing-reports',
        'billing-app has proved that it has moved',
        'waits: no proof from billing-reports',
        'keyturn consumers waive',
        'is quiet',
        'the old credential is switched off',
        'the old credential is gone',
        'turns back (CANARY_REFUSED)',
      ]) {
        expect(end.told).toContain(text);
      }
      expect(report.consumer.queries).toBeGreaterThanOrEqual(1_000);
      expect(report.consumer.freshLogins).toBeGreaterThanOrEqual(100);
      expect(report.elapsedMs).toBeGreaterThan(0);
      expect(report.promises.filter(({ kept }) => !kept)).toEqual([]);
      expect(await leftOf(demo)).toEqual([]);
    },
    maxMs,
  );

  test.runIf(isLong)(
    'names a broken promise and exits with 1 (takes a minute: npm run test:all)',
    async () => {
      const demo = await startChangedDemo({ failures: 1 });

      const end = await demo.ended;

      expect(end.status).toBe(1);
      expect(reportOf(end).promises.filter(({ kept }) => !kept)).toEqual([
        {
          promise: 'the applications saw no refused login and no failed query',
          kept: false,
          seen: '1 failure(s): billing-app: planted by the test',
        },
      ]);
      expect(end.told).toMatch(/BROKEN {2}the applications saw no refused login and no failed query/);
      expect(await leftOf(demo)).toEqual([]);
    },
    maxMs,
  );
});
