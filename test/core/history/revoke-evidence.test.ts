import { describe, expect, it } from 'vitest';
import { judgeHistory } from '../../../src/core/history.js';
import { strict } from './golden-journals.js';
import { type Journal, type Wrong, judge, staged } from './wrong-journal.js';

const disabling = staged.at('StepIntended', 'disable');
const destroying = staged.at('StepIntended', 'destroy');
const proof = (change: object) => ({
  consumer: 'batch',
  instance: null,
  answer: 'proved',
  reason: '',
  atMs: 1767225605000,
  sinceMs: 1767225602000,
  ...change,
});
const appProof = proof({ consumer: 'app' });
const busy = { kind: 'known', sessions: 1, youngestAgeMs: 500, oldestAgeMs: 500 };
const standing = { held: false, guardSeq: 0, waived: [] };

const wrong: Wrong = [
  [
    '(a) a label on another version',
    staged.output('drain', { current: { version: 1, digest: 'x' } }),
    /^I2 disable is meant: \(a\) `current` was on another version/,
  ],
  [
    '(a) a label on another value',
    staged.output('watch', { current: { version: 2, digest: 'x' } }),
    /^I2 destroy is meant: \(a\) `current` was on another value/,
  ],
  [
    '(a) a label read too long ago',
    staged.later(disabling, 5_001),
    /^I2 disable is meant: \(a\) the label was not read in the 5000 ms before/,
  ],
  [
    '(a) a label read in the future',
    staged.output('watch', { atMs: 1767225609001 }),
    /^I2 destroy is meant: \(a\) the label was not read/,
  ],
  [
    '(b) a refusal on one endpoint',
    staged.output('drain', {
      answers: [
        { endpoint: 'one', answer: 'accepted' },
        { endpoint: 'two', answer: 'unknown' },
      ],
    }),
    /^I2 disable is meant: \(b\)/,
  ],
  ['(b) no endpoint at all', staged.output('watch', { answers: [] }), /^I2 destroy is meant: \(b\)/],
  [
    '(c) a proof that is missing',
    staged.output('drain', { consumers: [appProof] }),
    /^I2 disable is meant: \(c\) batch was not asked/,
  ],
  [
    '(c) a proof that is none',
    staged.output('drain', { consumers: [appProof, proof({ answer: 'pending' })] }),
    /^I2 disable is meant: \(c\) batch had not proved/,
  ],
  [
    '(c) one instance of two',
    staged.output('drain', { consumers: [appProof, proof({}), proof({ instance: 'b', answer: 'unreachable' })] }),
    /^I2 disable is meant: \(c\) batch had not proved/,
  ],
  [
    '(c) a login with the old one that was refused where a consumer logs in',
    staged.output('watch', {
      refused: { mark: 'm', triedMs: Number.MAX_SAFE_INTEGER, from: [{ consumer: 'app', address: '10.1.2.3' }] },
    }),
    /^I2 destroy is meant: \(c\) a consumer was refused with the old credential/,
  ],
  [
    '(h) a try of the old one that was not the last look',
    staged.output('watch', { refused: { mark: 'm', triedMs: 1, from: [] } }),
    /^I2 destroy is meant: \(h\) the old credential was not tried at the last look/,
  ],
  [
    '(c) fewer instances than there must be',
    staged.planned(({ consumers }) => ({ consumers: consumers.map((each) => ({ ...each, instances: 2 })) })),
    /^I2 disable is meant: \(c\) [01] of 2 instances of app had proved/,
  ],
  [
    '(c) a refusal while the old one was off',
    staged.output('watch', { consumers: [appProof, proof({ answer: 'refused' })] }),
    /^I2 destroy is meant: \(c\) a consumer refused/,
  ],
  ['(c) a proof that is too old', staged.later(disabling, 60_001), /^I2 disable is meant: \(c\) app had not proved/],
  [
    '(c) a proof of before promote',
    staged.output('drain', { consumers: [appProof, proof({ atMs: 1767225601999 })] }),
    /^I2 disable is meant: \(c\) batch had not proved/,
  ],
  [
    '(d) grace',
    staged.planned(({ policy }) => ({ policy: { ...policy, graceMs: 3_001 } })),
    /^I2 disable is meant: \(d\)/,
  ],
  [
    '(d) the cache of a consumer',
    staged.planned(({ consumers }) => ({ consumers: consumers.map((each) => ({ ...each, cacheTtlMs: 3_001 })) })),
    /^I2 disable is meant: \(d\)/,
  ],
  [
    '(e) a session that opened',
    staged.output('drain', { lastOpenedMs: 1767225603001 }),
    /^I2 disable is meant: \(e\) the old credential was not quiet/,
  ],
  [
    '(e) a session that an earlier look saw open',
    staged.change(staged.at('GateWaiting', 'drain'), {
      event: { facts: { atMs: 1767225604000, usage: busy } },
      atMs: 1767225604000,
    }),
    /^I2 disable is meant: \(e\) the old credential was not quiet/,
  ],
  [
    '(e) usage nobody knows',
    staged.output('drain', { usage: { kind: 'unknown', reason: '' } }),
    /^I2 disable is meant: \(e\) it was unknown/,
  ],
  [
    '(e) a session that will not be ended',
    staged
      .planned(({ capabilities }) => ({ capabilities: { ...capabilities, endsSessions: false } }))
      .output('drain', { usage: busy }),
    /^I2 disable is meant: \(e\) sessions/,
  ],
  [
    '(f) a hold',
    staged.change(disabling, { event: { standing: { ...standing, held: true } } }),
    /^I2 disable is meant: \(f\) the secret was held/,
  ],
  [
    '(f) a change after the look',
    staged.change(destroying, { event: { standing: { ...standing, guardSeq: 1 } } }),
    /^I2 destroy is meant: \(f\) a hold, a waiver or a command/,
  ],
  ['(g) another target', staged.output('watch', { system: 'another' }), /^I2 destroy is meant: \(g\)/],
  [
    '(h) a window that was not over',
    staged.planned(({ policy }) => ({ policy: { ...policy, watchMs: 4_001 } })),
    /^I2 destroy is meant: \(h\) the watch window/,
  ],
  [
    '(h) an old credential that is alive',
    staged.output('watch', { oldAnswers: [{ endpoint: 'one', answer: 'accepted' }] }),
    /^I2 destroy is meant: \(h\) the old credential/,
  ],
  [
    'a gate that was opened again and has not passed',
    staged.after(staged.at('StepDone', 'drain'), { kind: 'GateReopened', step: 'drain', why: '' }),
    /^I2 disable is meant: no gate has looked/,
  ],
];

const I2 = (step: string, clause: string) => `I2 ${step} is meant: ${clause}`;

it.each(wrong)('%s is found', (_, journal, says) => {
  expect(judge(journal)).toContainEqual(expect.stringMatching(says));
});

it('a waiver that is written down stands for a proof', () => {
  const unproved = staged.output('drain', { consumers: [appProof] });
  const waived = (journal: Journal, step: string) =>
    journal.change(journal.at('StepIntended', step), { event: { standing: { ...standing, waived: ['batch'] } } });

  expect(judge(waived(waived(unproved, 'disable'), 'destroy'))).toEqual([]);
});

it('(e) quiet is counted from when a required consumer has held the new credential', () => {
  const since = (sinceMs: number) => staged.output('drain', { consumers: [appProof, proof({ sinceMs })] });
  const tooLate = since(1767225603001);

  expect(judge(tooLate)).toEqual(['I2 disable is meant: (e) the old credential was not quiet']);
  expect(judge(since(1767225603000))).toEqual([]);
  // Who need not prove may hold what it likes, and who has not proved says nothing by its time.
  expect(
    judge(
      tooLate.planned(({ consumers }) => ({
        consumers: consumers.map((each) => ({ ...each, required: each.name === 'app' })),
      })),
    ),
  ).toEqual([]);
  const waiving = { event: { standing: { ...standing, waived: ['batch'] } } };
  const waived = tooLate.change(disabling, waiving).change(destroying, waiving);
  expect(judge(waived)).toEqual(['I2 disable is meant: (e) the old credential was not quiet']);
  expect(
    judge(waived.output('drain', { consumers: [appProof, proof({ answer: 'pending', sinceMs: 1767225603001 })] })),
  ).toEqual([]);
});

describe('where the target cannot switch off', () => {
  const able = staged.planned(({ capabilities }) => ({ capabilities: { ...capabilities, disable: false } }));
  const seenAgain = (change: object) => ({
    atMs: 1767225609000,
    consumers: [appProof, proof({})].map((each) => ({ ...each, atMs: 1767225609000 })),
    usage: { kind: 'known', sessions: 0, youngestAgeMs: null, oldestAgeMs: null },
    lastOpenedMs: null,
    ...change,
  });
  const again = (change: object) =>
    able
      .output('disable', { skipped: 'the target cannot disable' })
      .output('watch', { oldAnswers: null, again: seenAgain(change) });

  it('proof and quiet of a second look stand for the refusal of the old credential', () => {
    expect(judge(again({}))).toEqual([]);
  });

  it.each([
    ['a consumer that was not asked again', { consumers: [appProof] }, '(c) batch was not asked'],
    [
      'usage nobody knows',
      { usage: { kind: 'unknown', reason: '' } },
      '(e) it was unknown who used the old credential',
    ],
    ['a session that opened', { lastOpenedMs: 1767225607001 }, '(e) the old credential was not quiet'],
    ['a look from the future', { atMs: 1767225609001 }, '(e) the old credential was not quiet'],
  ])('%s is found', (_, change, clause) => {
    expect(judge(again(change))).toEqual([I2('destroy', clause)]);
  });
});

describe('a first credential', () => {
  const first = staged
    .output('preflight', { old: null })
    .output('promote', { from: null })
    .output('drain', { usage: null })
    .output('disable', { skipped: 'no old credential' })
    .output('watch', { oldAnswers: null, again: null })
    .output('destroy', { proof: [] });

  it('has nobody that must be quiet or refused', () => {
    expect(judge(first)).toEqual([]);
  });

  it('must be held by everybody all the same', () => {
    expect(judge(first.output('drain', { consumers: [appProof] }))).toEqual([
      I2('disable', '(c) batch was not asked'),
      I2('destroy', '(c) batch was not asked'),
    ]);
  });
});

describe('what is just enough', () => {
  const seen = { kind: 'known', sessions: 1, youngestAgeMs: 3_000, oldestAgeMs: 3_000 };
  const living = (maxSessionAgeMs: number) =>
    staged.planned(({ policy }) => ({ policy: { ...policy, maxSessionAgeMs } })).output('drain', { usage: seen });
  const withSlack = (journal: Journal) =>
    judgeHistory([journal.events], { ...strict, slackMs: 1_000 }).map(({ what }) => what);

  it('of age: a session that has outlived the policy is ended, one that has not is awaited', () => {
    expect(judge(living(3_000))).toEqual([]);
    expect(judge(living(3_001))).toEqual([I2('disable', '(e) sessions with the old credential were open')]);
  });

  it('of a login and of a proof', () => {
    const atBound = judge(staged.later(disabling, 60_000));
    expect(atBound).not.toContainEqual(expect.stringMatching(/\(b\)|\(c\)/));
    expect(atBound).toContain(I2('disable', '(a) the label was not read in the 5000 ms before'));
    expect(judge(staged.later(disabling, 60_001))).toContain(
      I2('disable', '(b) nobody logged in in the 60000 ms before'),
    );
  });

  it('of a proof, as much older as clocks may differ', () => {
    expect(withSlack(staged.later(disabling, 61_000))).not.toContainEqual(expect.stringMatching(/\(c\)/));
    expect(withSlack(staged.later(disabling, 61_001))).toContainEqual(expect.stringMatching(/\(c\)/));
  });

  it('of quiet, and none is asked of a target that cannot tell', () => {
    expect(judge(staged.output('drain', { lastOpenedMs: 1767225603000 }))).toEqual([]);
    const blind = staged.planned(({ capabilities }) => ({ capabilities: { ...capabilities, usage: false } }));
    expect(judge(blind.output('drain', { usage: { kind: 'unknown', reason: '' } }))).toEqual([]);
  });

  it('of refusal: an identity that is gone is refused', () => {
    expect(judge(staged.output('watch', { oldAnswers: [{ endpoint: 'one', answer: 'absent' }] }))).toEqual([]);
  });

  it.each([
    ['a label read', staged.later(disabling, 6_000), staged.later(disabling, 6_001)],
    [
      'a proof before promote',
      staged.output('drain', { consumers: [appProof, proof({ atMs: 1767225601000 })] }),
      staged.output('drain', { consumers: [appProof, proof({ atMs: 1767225600999 })] }),
    ],
    [
      'a proof after the intent',
      staged.output('drain', { consumers: [appProof, proof({ atMs: 1767225606000 })] }),
      staged.output('drain', { consumers: [appProof, proof({ atMs: 1767225606001 })] }),
    ],
    [
      'an old session',
      staged.output('drain', { lastOpenedMs: 1767225604000 }),
      staged.output('drain', { lastOpenedMs: 1767225604001 }),
    ],
  ])('of %s is as much more as clocks may differ', (_, sound, unsound) => {
    expect(withSlack(sound)).toEqual([]);
    expect(withSlack(unsound)).not.toEqual([]);
  });
});

it('what was never said is not taken as the same', () => {
  const unsaid = staged
    .output('preflight', { system: null })
    .output('stage', { digest: null })
    .output('drain', { system: null, current: { version: 2, digest: null } });

  expect(judge(unsaid)).toContain(I2('disable', '(a) `current` was on another value'));
  expect(judge(unsaid)).toContain(I2('disable', '(g) the target was another system'));
});

it('what was meant and not done counts for nothing', () => {
  expect(judge(staged.drop(staged.at('StepDone', 'promote')))).toContain(I2('disable', '(d) grace was not over'));
  expect(judge(staged.drop(staged.at('StepDone', 'disable')))).toContain(
    I2('destroy', '(h) the watch window was not over'),
  );
});
