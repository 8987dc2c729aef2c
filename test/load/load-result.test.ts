import { expect, test } from 'vitest';
import { type LoadResult, findingsOf, lineOf } from './load-result.js';

const failure = { atMs: 0, doing: 'a query', code: '28P01', secret: 'load:/load/db-1', version: 3 };
const counters = {
  ...{ queries: 500, freshLogins: 60, failures: 0, firstFailures: [], refreshes: 0 },
  ...{ moves: 4, challenges: 9, webhooks: 20, holding: 4 },
};
const consumer = { name: 'consumer-1', hasFinished: true, counters };
const probe = { logins: 900, failures: 0, firstFailures: [], overtaken: 1 };
const rotations = {
  ...{ asked: 10, completed: 10, rolledBack: 0, parked: 0, open: 0, unfinished: [] },
  tookMs: { median: 5_000, longest: 9_000 },
};

const scan = { sinks: 900, bytes: 5_000_000, values: 14, leaks: [] };

const sound: LoadResult = {
  ...{ queue: 'redis', seconds: 60, consumers: [consumer], probe, rotations },
  ...{ kills: 30, killsInWork: 12, sparedKills: 1, flushes: 5, workerFailures: [] },
  ...{ oldAccepted: [], oldRefused: 10, orphans: [], remains: [] },
  scan,
};

const unfinished = (status: 'parked' | 'open') => ({
  ...{ rotationId: 'r1', secret: 'load:/load/db-1', status, step: 'drain', code: 'ALIAS_MOVED' },
});

test('a run in which nobody noticed anything has no findings', () => {
  expect(findingsOf(sound)).toEqual([]);
  expect(lineOf(sound)).toBe(
    'load on redis: 500 queries and 960 logins of 4 consumers and a probe, 0 failures; 10 rotations, ' +
      '30 kills (12 in work), 5 flushes, 0 orphans, 900 sinks scanned, 0 hits',
  );
});

test.each<[string, Partial<LoadResult>, string]>([
  [
    'a failed query',
    { consumers: [{ ...consumer, counters: { ...counters, failures: 1, firstFailures: [failure] } }] },
    'a query: 28P01',
  ],
  ['a consumer that died', { consumers: [{ ...consumer, hasFinished: false }] }, 'died'],
  ['a consumer that did nothing', { consumers: [{ ...consumer, counters: { ...counters, queries: 0 } }] }, 'nothing'],
  ['a refused login with current', { probe: { ...probe, failures: 1, firstFailures: [failure] } }, 'the probe: 1'],
  ['a probe that did nothing', { probe: { ...probe, logins: 0 } }, 'the probe did nothing'],
  [
    'a parked rotation',
    { rotations: { ...rotations, completed: 9, parked: 1, unfinished: [unfinished('parked')] } },
    'parked at drain (ALIAS_MOVED)',
  ],
  ['a rotation that never ended', { rotations: { ...rotations, completed: 9, open: 1 } }, '9 of 10'],
  ['no rotation at all', { rotations: { ...rotations, asked: 0, completed: 0 } }, '0 of 0'],
  ['a run without kills', { kills: 0 }, 'no worker was killed'],
  ['a run without flushes', { flushes: 0 }, 'the queue was not flushed'],
  ['a worker that ended by itself', { workerFailures: ['worker 3: STATE_REFUSED'] }, 'worker 3: STATE_REFUSED'],
  ['an old credential that is accepted', { oldAccepted: ['load:/load/db-1 2'] }, 'was not refused'],
  ['an orphan', { orphans: ['role load_1_a'] }, 'orphan: role load_1_a'],
  [
    'a value that has leaked',
    { scan: { ...scan, leaks: [{ value: 'a generated value', sink: 'workers/worker-1/stdout', encoding: 'hex' }] } },
    'leaked: a generated value in workers/worker-1/stdout (hex)',
  ],
  ['a run that scanned nothing', { scan: { ...scan, sinks: 0 } }, 'nothing was scanned'],
  ['a sealed value of a closed rotation', { remains: ['a sealed value of r1'] }, 'left behind'],
])('%s is a finding', (_, change, words) => {
  expect(findingsOf({ ...sound, ...change }).join('\n')).toContain(words);
});
