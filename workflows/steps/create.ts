import {
  type Act,
  type Context,
  type EndpointAnswer,
  type Json,
  type KeyturnError,
  type Moment,
  type Plan,
  type Promotion,
  type Steps,
  ask,
  deadEverywhere,
  guardUndoCreate,
  keyturnError,
  mustAcceptNamed,
  sameSecret,
  unfitValue,
  whereAnswered,
} from 'keyturn/workflow';
import { stillAlive } from './still-alive.js';
import { openNew, openStored, readNamed, refusedAt } from './named.js';
import type { Proposed } from './propose.js';
import { tagged } from './way-back.js';

interface Before {
  readonly propose: Proposed;
  /** On the way back only: what promote handed on; null where nobody wrote down whether it happened. */
  readonly promote?: Json;
}

/** What create hands on. */
export type Created = {
  readonly identity: string;
};

/** Makes the new credential live at the target, tagged with this rotation. */
export const create: Act<Before, Created> = {
  touches: ['target'],
  run: (context) => (context.plan.capabilities.origin === 'ours' ? createOurs(context) : createAtProvider(context)),
  *undo({ plan, before, moment, output, meant, rewound }) {
    const proposed = output?.identity ?? before.propose?.identity;
    const existing = before.propose?.existing;
    const made =
      plan.capabilities.list || meant ? madeByUs(plan, proposed, existing) : madeInWhatIsLost(plan, proposed);
    for (const identity of yield* made) {
      yield* destroyNew(plan, identity, moment, { promotion: promotionOf(before), rewound });
    }
  },
};

/**
 * What `current` names is never made anew: after our database was rewound it may be the very credential that this
 * rotation made before, and another value would put every consumer out; as it would those who are still on their way
 * from it, because a later rotation, which the database has forgotten, has put it on `previous`.
 */
function* createOurs({ plan, before, rewound }: Context<Before>) {
  const proposed = before.propose.identity;
  const isNamed = guardUndoCreate(yield* readNamed(plan), { identity: proposed, digest: null }) !== undefined;
  if (isNamed || (rewound && (yield* isReplaced(plan)))) {
    const cure = `Look where \`current\` of ${plan.path} is; it may be that this rotation was further than the database knows.`;
    throw keyturnError('PRINCIPAL_IN_USE', { principal: proposed, target: plan.target, cure });
  }
  const { identity } = yield* ask('target', 'create', yield* openNew(plan, before.propose.identity));
  return { output: { identity } };
}

/**
 * The provider shows the value once. A key of an earlier try carries our tag and nobody can read it any more: it is
 * deleted first, so that at most one spare ever lives, and only until the next try.
 */
function* createAtProvider({ plan, before, rewound }: Context<Before>) {
  for (const spare of yield* madeByUs(plan, before.propose.identity, before.propose.existing)) {
    const finding = guardUndoCreate(yield* readNamed(plan), { identity: spare, digest: null });
    if (finding !== undefined) throw unsafe(plan, finding);
    if (rewound && (yield* isPrevious(plan, spare)))
      throw unsafe(plan, '`previous` names the spare of an earlier try that would be destroyed');
    yield* ask('target', 'destroy', spare, { createdBy: plan.rotationId });
  }
  const { identity, value } = yield* ask('target', 'create', { identity: before.propose.identity });
  if (value === undefined)
    throw keyturnError('VALUE_UNFIT', { secret: plan.path, finding: 'the provider returned none' });
  const finding = unfitValue(value, [], sameSecret);
  if (finding !== undefined) throw keyturnError('VALUE_UNFIT', { secret: plan.path, finding });
  return { output: { identity }, seal: { new: value } };
}

/**
 * Identities that this rotation has made: what carries its tag. Where the target cannot list, the one it proposed. A
 * principal that turned out to be somebody else's carries another tag, and is left alone.
 */
function* madeByUs(
  plan: Plan,
  proposed: string | undefined,
  existing: readonly string[] | undefined,
): Steps<readonly string[]> {
  if (plan.capabilities.list) return yield* tagged(plan, existing);
  return proposed === undefined ? [] : [proposed];
}

/** Where no journal says that it was made and the target cannot list: the proposed one, if its value is accepted. */
function* madeInWhatIsLost(plan: Plan, proposed: string | undefined): Steps<readonly string[]> {
  const value = yield* ask('sealed', 'open', 'new');
  if (proposed === undefined || value === null) return [];
  const answers = yield* ask('target', 'probe', { identity: proposed, value });
  if (deadEverywhere(answers)) return [];
  if (whereAnswered(answers, 'accepted') !== undefined) return [proposed];
  throw unreachable(plan, answers);
}

/** In what is lost it may have been promoted, and a later rotation after it: applications may still be on their way. */
function* isPrevious(plan: Plan, identity: string): Steps<boolean> {
  const previous = yield* ask('store', 'read', 'previous');
  return previous !== null && (yield* openStored(plan, previous.version)).identity === identity;
}

/** True where a later rotation, which the database has forgotten, has put our version on `previous`. */
function* isReplaced(plan: Plan): Steps<boolean> {
  return (yield* ask('store', 'read', 'previous'))?.rotationId === plan.rotationId;
}

function unsafe(plan: Plan, finding: string): KeyturnError {
  return keyturnError('UNDO_UNSAFE', { step: 'create', secret: plan.path, finding });
}

function unreachable(plan: Plan, answers: readonly EndpointAnswer[]): KeyturnError {
  const endpoint = whereAnswered(answers, 'unknown')?.endpoint ?? '?';
  return keyturnError('TARGET_UNREACHABLE', { target: plan.target, endpoint });
}

function promotionOf({ promote }: Partial<Before>): Promotion {
  if (promote === undefined) return 'none';
  return promote === null ? 'unknown' : 'done';
}

/**
 * Switches the new credential off, looks again at what `current` names, and only then destroys it: a label that
 * somebody moved onto it in between must find it alive, and so must applications whose other credential is refused.
 */
function* destroyNew(plan: Plan, identity: string, moment: Moment, past: Past): Steps<void> {
  const value = yield* ask('sealed', 'open', 'new');
  const before = yield* whyKept(plan, identity, past);
  if (before !== undefined) {
    // An earlier try may have switched it off and not come to switching it on again.
    if (plan.capabilities.disable) yield* ask('target', 'enable', identity);
    throw unsafe(plan, before);
  }
  if (plan.capabilities.disable) {
    yield* ask('target', 'disable', identity);
    const after = yield* whyKept(plan, identity, past);
    if (after !== undefined) {
      yield* ask('target', 'enable', identity);
      throw unsafe(plan, after);
    }
  }
  const usage = yield* ask('target', 'usage', identity);
  if (plan.capabilities.endsSessions && usage.kind === 'known' && usage.sessions > 0)
    throw keyturnError('TARGET_BUSY', { target: plan.target });
  // The target may have taken long over these questions: nothing slow stands between the last look and the end.
  const last = guardUndoCreate(yield* readNamed(plan), { identity, digest: null });
  if (last !== undefined) {
    if (plan.capabilities.disable) yield* ask('target', 'enable', identity);
    throw unsafe(plan, last);
  }
  yield* ask('target', 'destroy', identity, { createdBy: plan.rotationId });
  if (value === null) return;
  const answers = yield* ask('target', 'probe', { identity, value });
  const alive = whereAnswered(answers, 'accepted');
  if (alive !== undefined) throw stillAlive(plan, moment, alive.endpoint, 'UNDONE_STILL_ALIVE');
  if (!deadEverywhere(answers)) throw unreachable(plan, answers);
}

/** What is known of how far this rotation was. */
interface Past {
  readonly promotion: Promotion;
  readonly rewound: boolean;
}

/** Why the new credential must stay alive; undefined: it may go. */
function* whyKept(plan: Plan, identity: string, { promotion, rewound }: Past): Steps<string | undefined> {
  if (rewound && (yield* isReplaced(plan)))
    return '`previous` names the version of this rotation, so that a later one must have replaced it';
  const named = yield* readNamed(plan);
  const finding = guardUndoCreate(named, { identity, digest: null });
  if (finding !== undefined || named.kind !== 'credential' || !mustAcceptNamed(plan, promotion)) return finding;
  const refused = yield* refusedAt(plan, named.version);
  if (refused === null) return undefined;
  return `\`current\` is on version ${named.version} again, which is refused at ${refused.endpoint}, and the new credential may be the last that works; make the target accept version ${named.version}`;
}
