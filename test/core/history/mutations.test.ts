import { expect, it } from 'vitest';
import { judgeHistory } from '../../../src/core/history.js';
import type { Recorded } from '../../../src/core/rotation-event.js';
import { scenarios } from '../../engine/scenarios.js';
import { type At, World } from '../../engine/world.js';
import { reportFigure } from '../../support/figures.js';
import { golden, goldenNames, strict } from './golden-journals.js';
import { mutationsOf } from './mutations.js';

/** What may be changed in a journal without that anybody could tell from it, and why it then means nothing. */
const meaningless: readonly (readonly [what: RegExp, why: string])[] = [
  [/^alter \w+ ?\w* tookMs$/, 'how long something took decides nothing'],
  [
    /^alter (RotationRequested|CommandTaken) .*(reason|requestedBy|by|trigger|command)\b/,
    'words of a person; the audit row has them again',
  ],
  [/^alter RollbackDecided facts\b/, 'what a sentence names'],
  [/^alter CommandTaken commandId$/, 'a command of another number; the audit row has it again'],
  [/^alter StepFailed /, 'another failure, after which the same was right'],
  [/^alter (GateWaiting|GateReopened) /, 'what was seen while it waited; it passed on what it saw last'],
  [/^(drop|double) GateWaiting /, 'one look less or more'],
  [
    /^alter RotationRequested plan\.(rotationId|target|rotator|principal|config|fields|storeSettleMs)/,
    'a rotation of another name, elsewhere; its row and its audit row have the names again',
  ],
  [
    /^alter RotationRequested plan\.(capabilities|policy|consumers|repair|adopted)/,
    'a plan under which the same was right',
  ],
  [
    /^alter StepDone preflight output\.(old\.(version|identity|digest|createdBy)|previous|system)/,
    'another old credential; the audit row has it again',
  ],
  [
    /^alter StepDone (stage output\.digest|propose output\.identity|create output\.identity)$/,
    'a name that nothing relied on before it turned back',
  ],
  [/^alter StepDone canary output\.verifiedMs$/, 'a login at another time of the canary'],
  [
    /^alter StepDone \w+ output\.(again\.)?(answers|oldAnswers|proof)\.#(\.endpoint|\.reason)?( gone)?$/,
    'which endpoints there are stands in the configuration',
  ],
  [
    /^alter StepDone (drain|watch) output\.(again\.)?consumers\.#\.(instance|reason|sinceMs|atMs)/,
    'a proof of another name, or of another time that is young enough',
  ],
  [
    /^alter StepDone watch output\.consumers( gone|\.#( gone|\.consumer))/,
    'whom the old one was missed by: nobody; an older journal did not ask',
  ],
  [
    /^alter StepDone (drain|watch) output\.(again\.)?usage(\.(youngestAgeMs|oldestAgeMs))?( gone)?$/,
    'sessions that are not there; in place nobody counts them',
  ],
  [
    /^alter StepDone (drain|watch) output\.(again\.)?lastOpenedMs/,
    'a session so long ago that it is quiet since; in place nobody counts',
  ],
  [/^alter StepDone (drain|watch) output\.atMs$/, 'a look at another time that is young enough'],
  [/^alter StepDone (drain|watch) output\.guardSeq/, 'an older journal has nothing to compare it with'],
  [/^alter StepDone disable output\.endedSessions/, 'a count for people'],
  [/^alter StepIntended (disable|destroy) standing( gone)?$/, 'as an older journal has it'],
  [/^alter StepIntended (disable|destroy) standing\.waived/, 'a waiver that was not needed'],
  [/^alter StepIntended promote standing/, 'as an older journal has it, or what a label that moves does not ask'],
  [/^alter StepDone watch output\.(oldAnswers|again)( gone)?$/, 'as of a first credential, which has no old one'],
  [/^drop GateOpened drain$/, 'a gate that had not judged when it turned back'],
  [/^(drop|double|alter) (StepFailed|UndoFailed) /, 'a failure in between, after which another executor tried again'],
  [
    /^swap( whole| with their numbers)? (GateWaiting|StepFailed|GateReopened)/,
    'two looks, or a failure earlier or later',
  ],
  [/^swap( whole)? FenceRaised with GateReopened/, 'a gate touches nothing that the fence is there for'],
  [/^alter EraEntered era$/, 'eras in between in which nobody worked on it'],
  [
    /^time (back|on) (RotationRequested|GateOpened|GateWaiting|GateReopened|RotationClosed|FenceRaised|EraEntered|StepFailed|StepIntended|StepDone|UndoIntended|UndoDone|RollbackDecided|Parked|CommandTaken)/,
    'a commit at another time at which order and ages still hold',
  ],
  [
    /^epoch (up|down) (RotationClosed|GateWaiting|GateOpened|StepDone (preflight|canary|drain|watch)|StepIntended promote|FenceRaised|EraEntered|GateReopened|StepFailed|RollbackDecided|Parked|CommandTaken)/,
    'another executor of the same hand-over',
  ],
];

/** A journal of a world in memory, where an executor was killed or not. */
function fromWorld(name: string, ...at: readonly At[]): readonly Recorded[] {
  const world = new World(scenarios.find((each) => each.name === name)!);
  world.run(...at);
  expect(world.oracle.violations).toEqual([]);
  return world.memory.state.load(world.plan.rotationId)?.events ?? [];
}

const journals: Readonly<Record<string, () => readonly Recorded[]>> = {
  ...Object.fromEntries(goldenNames.map((name) => [name, () => golden(name)])),
  'a success that waits': () => fromWorld('success after waiting'),
  'a takeover in disable': () => fromWorld('success', { point: 57, how: 'crash after' }),
  'a first credential': () => fromWorld('success of a first credential'),
  'a target that cannot disable': () => fromWorld('success at a target that cannot disable'),
  'a provider, taken over': () => fromWorld('failed drain with a provider-born value', { point: 20, how: 'late' }),
  'a half-applied create': () => fromWorld('half-applied create that does not heal'),
};

const missed = new Map<string, number>();
const counts = { made: 0, found: 0 };

it.each(Object.entries(journals))('one change in %s is found or means nothing', (_, journal) => {
  const events = journal();
  expect(judgeHistory([events], strict)).toEqual([]);
  const unexplained = new Set<string>();
  for (const mutation of mutationsOf(events)) {
    counts.made += 1;
    if (judgeHistory([mutation.events], strict).length > 0) {
      counts.found += 1;
      continue;
    }
    const what = mutation.what.replaceAll(/\.\d+\b/g, '.#');
    missed.set(what, (missed.get(what) ?? 0) + 1);
    if (!meaningless.some(([pattern]) => pattern.test(what))) unexplained.add(what);
  }
  expect([...unexplained]).toEqual([]);
});

it('everything that is called meaningless was missed at least once', (context) => {
  const never = meaningless.filter(([pattern]) => ![...missed.keys()].some((what) => pattern.test(what)));
  expect(never).toEqual([]);
  const { made, found } = counts;
  reportFigure(
    context,
    `history judge: ${made} journals with one change, ${found} found, ${made - found} mean nothing (${meaningless.length} classes), 0 missed`,
  );
});
