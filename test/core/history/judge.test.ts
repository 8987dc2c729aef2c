import { expect, it } from 'vitest';
import { judgeHistory } from '../../../src/core/history.js';
import { strict } from './golden-journals.js';
import { Journal, type Wrong, judge, staged } from './wrong-journal.js';

const rolledBack = Journal.of('staged-rotation-1-rolled-back');
const takenOver = Journal.of('staged-rotation-1-taken-over');
const inPlace = Journal.of('in-place-rotation-1-completed');
const takenBack = Journal.of('staged-rotation-1-taken-back');
const takingBack = takenBack.at('TakeBackDecided');
const disabling = staged.at('StepIntended', 'disable');
const promoting = staged.at('StepIntended', 'promote');
const standing = { held: false, guardSeq: 0, waived: [] };
const destroying = staged.at('StepIntended', 'destroy');

const canaryDone = staged.events[staged.at('StepDone', 'canary')]!.event;
const { verifiedMs } = (canaryDone.kind === 'StepDone' ? canaryDone.output : null) as { readonly verifiedMs: number };

/** The journal of a rotation that had a check, which said this when the canary passed. */
function checked(change?: object): Journal {
  const good = { check: 'errors', answer: 'good', finding: '0 is below 1', atMs: verifiedMs, badLooks: 0 };
  const planned = staged.planned(() => ({ checks: [{ name: 'errors' }] }));
  return change === undefined ? planned : planned.output('canary', { checks: [{ ...good, ...change }] });
}

const wrong: Wrong = [
  // The order of the journal.
  ['a hole', new Journal(staged.events.toSpliced(5, 1)), /^A2 event 7 stands where 6 should/],
  [
    'a journal without its beginning',
    new Journal(staged.events.slice(1)),
    /^A2 it does not begin with RotationRequested/,
  ],
  ['a plan that cannot be read', staged.planned(() => ({ consumers: null })), /^A2 the plan has no consumers/],
  ['an event of no kind', staged.change(4, { event: { kind: 'StepWished' } }), /^A2 an event of no known kind/],
  ['two beginnings', staged.after(0, staged.events[0]!.event), /^A2 a second RotationRequested/],
  ['time that goes back within an executor', staged.change(8, { atMs: 0 }), /^F29 time goes back/],
  [
    'a workflow of no known number',
    staged.planned(() => ({ workflow: { name: 'staged-rotation', number: 7 } })),
    /^F21 .*staged-rotation 7/,
  ],
  // Checks of the canary.
  ['a check of which nothing was written down', checked(), /^I1 the canary passed and its check errors was not good/],
  ['a check that was bad', checked({ answer: 'bad' }), /^I1 the canary passed and its check errors was not good/],
  ['a check that was unknown', checked({ answer: 'unknown' }), /^I1 the canary passed and its check errors was not/],
  [
    'a check of an earlier look',
    checked({ atMs: verifiedMs - 1 }),
    /^I1 the canary passed and its check errors was not/,
  ],
  ['another check', checked({ check: 'page' }), /^I1 the canary passed and its check errors was not good/],
  // What is taken back before a person is asked.
  [
    'an exposed credential that is switched on again by itself',
    takenBack.planned(() => ({ exposed: true })),
    /^I18 disable is taken back by itself, and the old credential is exposed/,
  ],
  [
    'an exposed credential that is turned back to by itself',
    rolledBack.planned(() => ({ exposed: true })),
    /^I18 it turns back by itself \(CONSUMER_REFUSED\), and the old credential is exposed/,
  ],
  [
    'a label that is taken back so',
    takenBack.change(takingBack, { event: { step: 'promote' } }),
    /^I13 promote is taken back, which takes nothing away/,
  ],
  [
    'a take-back for a gate that has passed',
    takenBack.change(takingBack, { event: { gate: 'drain' } }),
    /^I10 disable is taken back for drain, which is not open/,
  ],
  [
    'a take-back after destroying was decided',
    takenBack.after(takingBack - 1, { kind: 'DestroyDecided' }),
    /^I12 disable is taken back after its time/,
  ],
  [
    'a take-back after which nobody is asked',
    takenBack.drop(takenBack.at('Parked')),
    /^I13 drain is opened again while disable is taken back/,
  ],
  [
    'a take-back that nobody has decided',
    takenBack.drop(takingBack),
    /^I13 disable is taken back and nobody has decided to turn back/,
  ],
  // I9.
  ['an epoch that goes back', staged.change(disabling - 1, { epoch: 1 }), /^I9 epoch 1 writes after epoch 2/],
  [
    'a result of another executor',
    staged.change(staged.at('StepDone', 'promote'), { epoch: 3 }),
    /^I9 StepDone of promote by epoch 3, and epoch 2 has meant it/,
  ],
  [
    'a repeated effect without a raise',
    takenOver.drop(takenOver.at('FenceRaised')),
    /^I9 disable is meant and the fence was not raised above disable of epoch 5/,
  ],
  [
    'an undo without a raise',
    rolledBack.drop(rolledBack.at('FenceRaised')),
    /^I9 promote is taken back and the fence was not raised/,
  ],
  [
    'a fence raised for nothing',
    staged.after(disabling - 1, { kind: 'FenceRaised' }),
    /^I10 the fence is raised and nothing was left behind/,
  ],
  // I10.
  [
    'a result that nobody meant',
    staged.drop(staged.at('StepIntended', 'create')),
    /^I10 StepDone of create, which nobody has meant/,
  ],
  [
    'a gate that passes unopened',
    staged.drop(staged.at('GateOpened', 'watch')),
    /^I10 StepDone of watch, which is not open/,
  ],
  ['a step out of order', staged.drop(staged.at('StepDone', 'stage')), /^I10 canary begins and stage is not done/],
  [
    'a step of no workflow',
    staged.change(disabling, { event: { step: 'burn' } }),
    /^I10 StepIntended of burn, which staged-rotation 1 does not have/,
  ],
  [
    'a try that was skipped',
    staged.change(disabling, { event: { attempt: 2 } }),
    /^I10 try 2 of disable follows try 0/,
  ],
  [
    'two intents at once',
    staged.after(disabling, { kind: 'StepIntended', step: 'disable', attempt: 2 }),
    /^I10 disable is meant while disable of the same executor stands/,
  ],
  [
    'a gate that looks while its act is half done',
    staged.after(
      disabling,
      { kind: 'StepFailed', step: 'disable', code: 'ALIAS_MOVED', facts: {}, certain: true, retryInMs: null },
      { kind: 'GateReopened', step: 'drain', why: 'stale' },
    ),
    /^I10 drain is opened again while disable is half done/,
  ],
  [
    'a label that is moved long after anybody tried the new credential',
    staged.change(promoting, { event: { standing } }).later(promoting, 10 * 60_000 + 1),
    /^I1 promote is meant on a login of \d+ ms ago/,
  ],
  [
    'a label that is taken back before anybody has decided to turn back',
    staged.after(
      promoting,
      { kind: 'StepFailed', step: 'promote', code: 'ALIAS_MOVED', facts: {}, certain: true, retryInMs: null },
      { kind: 'UndoIntended', step: 'promote', attempt: 2 },
    ),
    /^I13 promote is taken back and nobody has decided to turn back/,
  ],
  [
    'a value that is replaced after it was staged',
    inPlace.after(
      inPlace.at('StepIntended', 'swap'),
      { kind: 'ValueReplaced', step: 'swap', code: 'VALUE_REJECTED' },
      { kind: 'StepIntended', step: 'propose', attempt: 2 },
      { kind: 'StepDone', step: 'propose', output: { identity: 'billing' }, tookMs: 0 },
      { kind: 'StepIntended', step: 'swap', attempt: 2 },
    ),
    /^I10 swap begins on a stage older than a step before it/,
  ],
  // I12.
  [
    'a turn after destroying was decided',
    staged.after(destroying, { kind: 'RollbackDecided', code: 'CANCELLED', facts: {} }),
    /^I12 it turns back after destroy was decided/,
  ],
  [
    'destroying after a turn',
    rolledBack.after(rolledBack.at('RollbackDecided'), { kind: 'DestroyDecided' }),
    /^I12 destroying is decided after roll-back was decided/,
  ],
  [
    'a second turn',
    rolledBack.after(rolledBack.at('RollbackDecided'), { kind: 'RollbackDecided', code: 'CANCELLED', facts: {} }),
    /^I12 it turns back after roll-back/,
  ],
  [
    'destroying without a decision',
    staged.drop(staged.at('DestroyDecided')),
    /^I12 destroy is meant before destroying was decided/,
  ],
  [
    'a step forwards after the turn',
    rolledBack.after(rolledBack.at('RollbackDecided'), { kind: 'StepIntended', step: 'disable', attempt: 1 }),
    /^I12 disable begins while it turns back/,
  ],
  // What steps hand on.
  [
    'a current credential that is refused',
    staged.output('preflight', { old: { version: 1, identity: 'a', digest: 'x', createdBy: null, accepted: false } }),
    /^I1 it goes on from a credential that is refused/,
  ],
  [
    'a label moved to something else',
    staged.output('promote', { to: 3 }),
    /^I1 promote moved `current` to what was not staged/,
  ],
  [
    'a new credential that is the old one',
    staged.output('create', { identity: 'billing_a' }).output('propose', { identity: 'billing_a' }),
    /^I3 what was made is the old credential/,
  ],
  [
    'an end without proof',
    staged.output('destroy', { proof: [{ endpoint: 'one', answer: 'unknown' }] }),
    /^I4 destroy ends without proof/,
  ],
  [
    'something destroyed that was not ours',
    staged.planned(() => ({ adopted: false })),
    /^I13 destroy removed what no rotation had made/,
  ],
  [
    'a disable that was skipped',
    staged.output('disable', { skipped: 'the target cannot disable' }),
    /^I2 disable does not say/,
  ],
  // I13.
  [
    'an undo out of order',
    rolledBack.drop(rolledBack.at('UndoIntended', 'promote')).drop(rolledBack.at('UndoDone', 'promote') - 1),
    /^I13 stage is taken back before promote/,
  ],
  [
    'an undo of what was never meant',
    rolledBack.change(rolledBack.at('UndoIntended', 'promote'), { event: { step: 'disable' } }),
    /^I13 disable is taken back and was never meant/,
  ],
  [
    'an undo that nobody decided',
    staged.after(staged.at('StepDone', 'stage'), { kind: 'UndoIntended', step: 'stage', attempt: 2 }),
    /^I13 stage is taken back and nobody has decided/,
  ],
  [
    'an end before all is taken back',
    rolledBack.drop(rolledBack.at('UndoDone', 'propose')).drop(rolledBack.at('UndoIntended', 'propose')),
    /^I13 it is rolled_back and propose was not taken back/,
  ],
  // I4.
  [
    'an end with an open intent',
    rolledBack.drop(rolledBack.at('UndoDone', 'propose')),
    /^I4 it is closed and how propose ended is not known/,
  ],
  [
    'an end that is not settled',
    takenOver
      .planned(() => ({ storeSettleMs: 1 }))
      .planned(({ capabilities }) => ({ capabilities: { ...capabilities, fence: false, settleMs: 10_000_000 } })),
    /^I4 it is closed and disable of epoch 5 may still happen/,
  ],
  [
    'an event after the end',
    staged.after(staged.events.length - 1, { kind: 'FenceRaised' }),
    /^I4 FenceRaised after the rotation was closed/,
  ],
  [
    'an end as nothing',
    staged.change(staged.events.length - 1, { event: { status: 'superseded' } }),
    /^I4 it is closed as superseded/,
  ],
  [
    'a cancellation by nobody',
    rolledBack.change(rolledBack.events.length - 1, { event: { status: 'cancelled' } }),
    /^C5 it is cancelled and nobody has cancelled it/,
  ],
  [
    'a completion of what turned back',
    rolledBack.change(rolledBack.events.length - 1, { event: { status: 'completed' } }),
    /^I12 it is completed and had decided to turn back/,
  ],
  [
    'a completion of what is not done',
    rolledBack.change(rolledBack.events.length - 1, { event: { status: 'completed' } }),
    /^I4 it is completed and propose is not done/,
  ],
  [
    'a roll-back that nobody decided',
    staged.change(staged.events.length - 1, { event: { status: 'rolled_back' } }),
    /^I12 it is rolled_back and had not decided to turn back/,
  ],
  [
    'a step that is done twice',
    staged.after(staged.at('StepDone', 'create'), { kind: 'StepIntended', step: 'create', attempt: 2 }),
    /^I10 create is meant again after it was done/,
  ],
  [
    'a gate that is taken back',
    rolledBack.after(rolledBack.at('RollbackDecided'), { kind: 'UndoIntended', step: 'drain', attempt: 1 }),
    /^I13 drain is taken back, which has no way back/,
  ],
  [
    'a done disable that is taken back',
    staged.after(staged.at('StepDone', 'disable'), { kind: 'UndoIntended', step: 'disable', attempt: 2 }),
    /^I13 disable is taken back and nobody has decided to turn back/,
  ],
  [
    'a half-done create that is taken back and no gate can go on from',
    staged.after(
      staged.at('StepIntended', 'create'),
      { kind: 'StepFailed', step: 'create', code: 'ADMIN_REFUSED', facts: {}, certain: true, retryInMs: null },
      { kind: 'UndoIntended', step: 'create', attempt: 2 },
    ),
    /^I13 create is taken back and nobody has decided to turn back/,
  ],
  [
    'an executor that repeats what may still happen',
    staged.after(
      disabling,
      { kind: 'StepFailed', step: 'disable', code: 'TARGET_BUSY', facts: {}, certain: false, retryInMs: 0 },
      { kind: 'StepIntended', step: 'disable', attempt: 2 },
    ),
    /^I9 disable is meant while disable of the same executor may still happen/,
  ],
  // What people say.
  [
    'a step while it is parked',
    staged.after(disabling - 1, { kind: 'Parked', code: 'HELD', facts: {} }),
    /^L2 StepIntended while it is parked/,
  ],
  [
    'a reason of no catalogue',
    staged.after(disabling - 1, { kind: 'Parked', code: 'TIRED' as never, facts: {} }),
    /^L2 Parked with the code TIRED/,
  ],
  [
    'a command that is taken twice',
    staged.after(
      disabling - 1,
      ...[2, 2].map(
        (commandId) => ({ kind: 'CommandTaken', command: 'resume', commandId, by: 'local:kim', reason: '' }) as const,
      ),
    ),
    /^C5 command 2 is taken after 2/,
  ],
  [
    'a cancel that nothing follows',
    staged.after(disabling - 1, { kind: 'CommandTaken', command: 'cancel', commandId: 1, by: 'local:kim', reason: '' }),
    /^C5 cancel is taken and nothing follows/,
  ],
];

it('a command from nobody is found, and one from somebody is none', () => {
  const by = (name: string) =>
    staged.after(disabling - 1, { kind: 'CommandTaken', command: 'resume', commandId: 1, by: name, reason: '' });

  expect(judge(by(''))).toEqual(['C5 command 1 is from nobody']);
  expect(judge(by('local:kim'))).toEqual([]);
});

it.each(wrong)('%s is found', (_, journal, says) => {
  expect(judge(journal)).toContainEqual(expect.stringMatching(says));
});

it('a clock that is stepped within its slack is no violation', () => {
  const stepped = staged.change(9, { atMs: staged.events[9]!.atMs - 900 });

  expect(judge(stepped)).not.toEqual([]);
  expect(judgeHistory([stepped.events], { ...strict, slackMs: 1_000 })).toEqual([]);
});

it('a half-done disable may be taken back before anybody has decided, as often as it takes', () => {
  const raised = takenOver.at('FenceRaised');
  const half = new Journal(takenOver.events.slice(0, raised + 1));
  const undone = half.after(
    raised,
    { kind: 'UndoIntended', step: 'disable', attempt: 2 },
    { kind: 'UndoFailed', step: 'disable', code: 'ADMIN_REFUSED', facts: {}, certain: true, retryInMs: null },
    { kind: 'UndoIntended', step: 'disable', attempt: 3 },
    { kind: 'UndoDone', step: 'disable', tookMs: 0 },
  );

  expect(judge(undone)).toEqual([]);
});

it('a cancelled rotation that a person has cancelled is no violation', () => {
  const turned = rolledBack.at('RollbackDecided');
  const cancelled = rolledBack
    .change(turned, { event: { code: 'CANCELLED' } })
    .change(rolledBack.events.length - 1, { event: { status: 'cancelled' } })
    .after(turned - 1, { kind: 'CommandTaken', command: 'cancel', commandId: 1, by: 'local:kim', reason: '' });

  expect(judge(cancelled)).toEqual([]);
});

it('only a promote that says what people had said is asked for the age of its login', () => {
  const tenMinutes = 10 * 60_000;
  const old = expect.stringMatching(/^I1 /);
  const asked = staged.change(promoting, { event: { standing } });

  expect(judge(asked.later(promoting, tenMinutes))).not.toContainEqual(old);
  expect(judge(asked.later(promoting, tenMinutes + 1))).toContainEqual(old);
  expect(judge(staged.later(promoting, tenMinutes + 1))).not.toContainEqual(old);
  expect(judge(staged.change(disabling, { event: { standing } }).later(disabling, tenMinutes + 1))).not.toContainEqual(
    old,
  );
  const late = asked.later(promoting, tenMinutes + 1_000).events;
  const withSlack = judgeHistory([late], { ...strict, slackMs: 1_000 });
  expect(withSlack.map(({ invariant }) => invariant)).not.toContain('I1');
});

it('a canary whose check was good when it passed is sound', () => {
  expect(judge(checked({}))).toEqual([]);
});
