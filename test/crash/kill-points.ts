import type { Kind } from './installation.js';
import { type Position, positions } from './failpoints.js';
import type { Scenario } from './scenarios.js';

/** One place at which the worker of a rotation is killed. */
export interface KillPoint {
  readonly kind: Kind;
  readonly scenario: Scenario;
  readonly effect: string;
  readonly position: Position;
  /** Where an earlier worker is killed first, so that there is a takeover to be killed in; null: nowhere. */
  readonly after: { readonly effect: string; readonly position: Position } | null;
}

/** An effect that a rotator's rotations do not have. */
export interface WithoutMeaning {
  readonly kind: Kind;
  readonly effect: string;
  readonly why: string;
}

/** How a kill point is called in reports, and asked for in a replay. */
export function nameOf({ kind, scenario, effect, position }: KillPoint): string {
  return `${kind}, ${scenario}: ${effect}, ${position}`;
}

type Effects = Readonly<Partial<Record<Scenario, readonly string[]>>>;

const appends = (...events: readonly string[]): readonly string[] => events.map((each) => `journal.append of ${each}`);

/** Every effect of a staged rotation, in the scenario in which it first occurs. */
const staged: Effects = {
  success: [
    'target.create in create',
    'store.putPending in stage',
    'consumers.challenge in canary',
    'store.moveCurrent in promote',
    'consumers.challenge in drain',
    'target.disable in disable',
    'target.destroy in destroy',
    ...appends('GateOpened preflight', 'StepIntended propose', 'StepIntended create', 'StepIntended stage'),
    ...appends('GateOpened canary', 'StepIntended promote', 'GateOpened drain', 'StepIntended disable'),
    ...appends('GateOpened watch', 'StepIntended destroy', 'RotationClosed'),
  ],
  'canary refused': [
    'store.retirePending in undo of stage',
    'target.disable in undo of create',
    'target.destroy in undo of create',
    ...appends('UndoIntended stage', 'UndoIntended create', 'UndoIntended propose', 'RotationClosed'),
  ],
  'drain refused': [
    'store.moveCurrent in undo of promote',
    'target.destroy in undo of create',
    ...appends('UndoIntended promote', 'UndoIntended create'),
  ],
  'turned back in watch': [
    'target.enable in undo of disable',
    'store.moveCurrent in undo of promote',
    ...appends('UndoIntended disable', 'UndoIntended promote'),
  ],
};

/** Where the target can fence, turning back begins with raising, and the decision is committed before that. */
const raising: Effects = {
  'canary refused': ['target.raise before undoing', ...appends('RollbackDecided')],
  'drain refused': ['target.raise before undoing', ...appends('RollbackDecided')],
  'turned back in watch': ['target.raise before undoing', ...appends('RollbackDecided')],
};

const inPlace: Effects = {
  success: [
    'store.putPending in stage',
    'target.create in swap',
    'store.moveCurrent in swap',
    'consumers.challenge in drain',
    ...appends('GateOpened preflight', 'StepIntended propose', 'StepIntended stage', 'StepIntended swap'),
    ...appends('GateOpened drain', 'StepIntended destroy', 'RotationClosed'),
  ],
  'drain refused': [
    'target.raise before undoing',
    'target.create in undo of swap',
    'store.moveCurrent in undo of swap',
    'store.retirePending in undo of stage',
    ...appends('RollbackDecided', 'UndoIntended swap', 'UndoIntended stage', 'UndoIntended propose', 'RotationClosed'),
  ],
};

const ofKind: Readonly<Record<Kind, readonly Effects[]>> = {
  'two-role': [staged, raising],
  'in-place': [inPlace],
  random: [staged],
};

/** The step in which the worker is killed whose successor is then killed while it raises the fence. */
const takenOver: Readonly<Record<Kind, string | null>> = {
  'two-role': 'target.create in create',
  'in-place': 'target.create in swap',
  random: null,
};

/** Every kill point of a kind. */
export function killPointsOf(kind: Kind): readonly KillPoint[] {
  const points: KillPoint[] = [];
  for (const effects of ofKind[kind]) {
    for (const [scenario, names] of Object.entries(effects)) {
      for (const effect of names) {
        for (const position of positions)
          points.push({ kind, scenario: scenario as Scenario, effect, position, after: null });
      }
    }
  }
  const first = takenOver[kind];
  if (first === null) return points;
  for (const position of positions) {
    const after = { effect: first, position: 'before it is sent' } as const;
    points.push({ kind, scenario: 'success', effect: 'target.raise after a takeover', position, after });
  }
  return points;
}

/** What the effects of one kind are to another that does not have them. */
export const withoutMeaning: readonly WithoutMeaning[] = [
  ...['target.raise before undoing', 'target.raise after a takeover', 'journal.append of RollbackDecided'].map(
    (effect): WithoutMeaning => ({
      kind: 'random',
      effect,
      why: 'a folder cannot fence, so nothing is raised, and the decision is committed with the first undo',
    }),
  ),
  ...[
    'target.disable in disable',
    'target.enable in undo of disable',
    'target.destroy in destroy',
    'target.disable in undo of create',
    'target.destroy in undo of create',
  ].map(
    (effect): WithoutMeaning => ({
      kind: 'in-place',
      effect,
      why: 'one role is live all the time: the old value dies with the swap, and its undo writes it back',
    }),
  ),
  {
    kind: 'in-place',
    effect: 'consumers.challenge in canary',
    why: 'a value that is not live yet cannot be tried, so there is no canary',
  },
];
