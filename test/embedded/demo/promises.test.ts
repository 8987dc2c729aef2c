import { describe, expect, test } from 'vitest';
import { type DemoSeen, isRefused, judgePromises } from '../../../src/embedded/demo/promises.js';
import { reportOn } from '../../../src/embedded/demo/report.js';

const refused = { refused: '28P01' };
const rotation = (act: DemoSeen['rotations'][number]['act'], status = 'completed', code: string | null = null) => ({
  act,
  rotationId: `r-${act}`,
  status,
  code,
  tookMs: 1_000,
  steps: [],
});

/** A demo in which all went well. */
const well: DemoSeen = {
  rotations: [
    rotation('first'),
    rotation('under-load'),
    rotation('worker-killed'),
    rotation('canary-refused', 'rolled_back', 'CANARY_REFUSED'),
  ],
  kill: { holder: 'vm-1', finishedBy: 'vm-2', takenOverAfterMs: 5_000 },
  app: {
    queries: 1_000,
    payments: 500,
    freshLogins: 100,
    failures: 0,
    failedWith: [],
    moves: 3,
    challenges: 10,
    webhooks: 5,
    version: 3,
  },
  appFinished: true,
  probe: { looks: 100, failures: 0, failedWith: [], overtaken: 0 },
  oldLogins: [
    { rotationId: 'r-under-load', answer: refused },
    { rotationId: 'r-worker-killed', answer: refused },
  ],
  rolledBack: { newLogin: refused, versions: [3], moves: 0 },
  waived: {
    consumer: 'billing-reports',
    toldOf: ['billing-canary', 'billing-next', 'billing-app', 'billing-reports'],
    proved: ['billing-canary', 'billing-next', 'billing-app'],
    heldBack: true,
  },
  orphans: [],
  paymentsFound: 500,
  remains: [],
};

const broken = (seen: DemoSeen) => judgePromises(seen).flatMap(({ promise, kept }) => (kept ? [] : [promise]));

test('every promise is kept where all went well', () => {
  expect(broken(well)).toEqual([]);
  expect(reportOn(well, 20_000.4)).toMatchObject({
    rotations: { succeeded: 2, rolledBack: 1, firstCredentials: 1 },
    workerKills: 1,
    oldCredentialsRefused: 2,
    orphans: 0,
    elapsedMs: 20_000,
    ok: true,
  });
});

const others = (act: string) => well.rotations.filter((each) => each.act !== act);

describe('one promise is broken', () => {
  test.each<[string, Partial<DemoSeen>, string]>([
    [
      'a query failed',
      { app: { ...well.app, failures: 1 } },
      'the applications saw no refused login and no failed query',
    ],
    ['an application died', { appFinished: false }, 'the applications saw no refused login and no failed query'],
    ['too few queries', { app: { ...well.app, queries: 999 } }, 'the applications were busy'],
    ['too few fresh logins', { app: { ...well.app, freshLogins: 99 } }, 'the applications were busy'],
    ['a payment is missing', { paymentsFound: 499 }, 'every payment the applications made is in their database'],
    ['a look at current failed', { probe: { ...well.probe, failures: 1 } }, 'at every look'],
    ['nobody looked at current', { probe: { ...well.probe, looks: 0 } }, 'at every look'],
    [
      'one application was not told',
      { waived: { ...well.waived!, toldOf: ['billing-app'] } },
      'every application was told of the promotion',
    ],
    ['one did not prove', { waived: { ...well.waived!, proved: ['billing-canary'] } }, 'the old credential stayed'],
    ['drain did not wait', { waived: { ...well.waived!, heldBack: false } }, 'the old credential stayed'],
    ['no first credential', { rotations: others('first') }, 'a secret without a credential got its first'],
    [
      'the killed rotation finished by the dead',
      { kill: { holder: 'vm-1', finishedBy: 'vm-1', takenOverAfterMs: 1 } },
      'a rotation whose worker was killed',
    ],
    ['no worker was killed', { kill: null }, 'a rotation whose worker was killed'],
    [
      'it rolled back for another reason',
      { rotations: [...others('canary-refused'), rotation('canary-refused', 'rolled_back', 'VERIFY_REFUSED')] },
      'a rotation whose canary refused was rolled back',
    ],
    [
      'the new credential lives on',
      { rolledBack: { newLogin: 'accepted', versions: [3], moves: 0 } },
      'the new credential of the rolled-back rotation is refused',
    ],
    [
      'nobody tried the new credential',
      { rolledBack: { newLogin: null, versions: [3], moves: 0 } },
      'the new credential of the rolled-back rotation is refused',
    ],
    [
      'current moved there and back',
      { rolledBack: { newLogin: refused, versions: [3], moves: 2 } },
      '`current` never moved',
    ],
    [
      'current was seen elsewhere',
      { rolledBack: { newLogin: refused, versions: [3, 4], moves: 0 } },
      '`current` never moved',
    ],
    [
      'an old credential lives on',
      { oldLogins: [well.oldLogins[0]!, { rotationId: 'r', answer: 'accepted' }] },
      'the old credential of every finished rotation is refused',
    ],
    [
      'an old credential was not tried',
      { oldLogins: [well.oldLogins[0]!] },
      'the old credential of every finished rotation is refused',
    ],
    ['an orphan', { orphans: ['billing_b'] }, 'nothing can log in that `current` does not explain'],
    ['a process is left', { remains: ['process 1'] }, 'nothing is left running or on disk'],
  ])('%s', (_, change, promise) => {
    const found = broken({ ...well, ...change });

    expect(found).toHaveLength(1);
    expect(found[0]).toContain(promise);
    expect(reportOn({ ...well, ...change }, 1).ok).toBe(false);
  });

  test('a rotation under load that did not complete', () => {
    const seen = { ...well, rotations: [...others('under-load'), rotation('under-load', 'parked', 'DRAIN_TIMED_OUT')] };

    expect(broken(seen)).toContain('a rotation under load completed');
  });
});

test.each(['28000', '53300', 'ECONNREFUSED', 'no answer'])('a login that ended with %s was not refused', (code) => {
  expect(isRefused({ refused: code })).toBe(false);
});
