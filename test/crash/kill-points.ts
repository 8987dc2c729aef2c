import { type Kind, kinds } from './installation.js';
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

/** A kill point of other kinds that the rotations of this one do not have. */
export interface WithoutMeaning extends Pick<KillPoint, 'kind' | 'effect' | 'position'> {
  readonly why: string;
}

/** How a kill point is called in reports, and asked for in a replay. */
export function nameOf({ kind, scenario, effect, position, after }: KillPoint): string {
  return `${kind}, ${scenario}: ${effect}${after === null ? '' : ' after a takeover'}, ${position}`;
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
  'canary refused': ['target.raise', ...appends('RollbackDecided')],
  'drain refused': ['target.raise', ...appends('RollbackDecided')],
  'turned back in watch': ['target.raise', ...appends('RollbackDecided')],
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
    'target.raise',
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
  'api-key': [staged],
};

/** The effect at which the worker is killed whose successor is then killed while it takes over. */
const takenOver: Readonly<Record<Kind, string | null>> = {
  'two-role': 'target.create in create',
  'in-place': 'target.create in swap',
  random: null,
  // Nothing is raised; whoever takes over destroys the key that nobody could read.
  'api-key': 'target.create in create',
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
  const [effect, made] =
    kind === 'api-key'
      ? (['target.destroy in create', 'after it took effect, before the answer'] as const)
      : (['target.raise', 'before it is sent'] as const);
  for (const position of positions) {
    points.push({ kind, scenario: 'success', effect, position, after: { effect: first, position: made } });
  }
  return points;
}

/** Why an effect of other kinds has no meaning for this one. */
const reasons: readonly { readonly kind: Kind; readonly effects: RegExp; readonly why: string }[] = [
  {
    kind: 'random',
    effects: /^target\.raise$|RollbackDecided$/,
    why: 'a folder cannot fence, so nothing is raised, and the decision is committed with the first undo',
  },
  { kind: 'random', effects: / swap$/, why: 'old and new live side by side, so nothing is swapped' },
  { kind: 'two-role', effects: / swap$/, why: 'old and new live side by side, so nothing is swapped' },
  {
    kind: 'in-place',
    effects: / (create|promote)$/,
    why: 'one role is live all the time, so making the new value live and promoting it are one intent, the swap',
  },
  {
    kind: 'in-place',
    effects: / (disable|watch)$|^target\.destroy/,
    why: 'the old value dies with the swap, so there is nothing to disable, to watch or to destroy',
  },
  { kind: 'in-place', effects: / canary$/, why: 'a value that is not live yet cannot be tried' },
];

/**
 * The kill points that other kinds have and this one has not, each with the reason. *Errors*: an effect that is neither a
 * kill point nor explained.
 */
export function withoutMeaning(kind: Kind): readonly WithoutMeaning[] {
  const own = new Set(killPointsOf(kind).map(({ effect }) => effect));
  const all = new Set(kinds.flatMap((each) => killPointsOf(each).map(({ effect }) => effect)));
  return [...all]
    .filter((effect) => !own.has(effect))
    .flatMap((effect) => {
      const reason = reasons.find((each) => each.kind === kind && each.effects.test(effect));
      if (reason === undefined) throw new Error(`${effect} is no kill point of ${kind}, and nothing says why`);
      return positions.map((position) => ({ kind, effect, position, why: reason.why }));
    });
}
