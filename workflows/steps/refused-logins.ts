import {
  type EndpointAnswer,
  type OldCredential,
  type Plan,
  type RefusedFacts,
  type Steps,
  type WatchFacts,
  ask,
  deadEverywhere,
  fromConsumers,
} from 'keyturn/workflow';
import { openStored } from './named.js';

/** How long a mark is looked back to. What is behind a newer one has been looked at. Milliseconds. */
const MARK_FOR_MS = 60_000;

/**
 * True where the target tells from where it has refused logins, and a consumer says from where it logs in. Of what is exposed
 * nobody asks: whoever has it goes on trying, perhaps from there.
 */
function areHeard({ capabilities, consumers, exposed }: Plan): boolean {
  if (exposed === true || capabilities.refusedLogins !== true) return false;
  return consumers.some(({ sources = [] }) => sources.length > 0);
}

/** The mark from which on refused logins with the old credential are looked at; null: they are not, or cannot be now. */
export function* markRefused(plan: Plan, { identity }: OldCredential): Steps<string | null> {
  if (!areHeard(plan)) return null;
  const now = yield* ask('target', 'refusedLogins', identity, null);
  return now.kind === 'known' ? now.mark : null;
}

/** What was seen of the old credential while it is off. */
interface OffSight {
  readonly oldAnswers: readonly EndpointAnswer[];
  readonly refused?: RefusedFacts;
}

/**
 * Whether the old credential is refused, and who else has tried it. Our own try is refused as well, and nobody could tell it
 * from a consumer's on the same machine: it is made at first and at last, and in between only the others are looked at.
 */
export function* lookAtOff(
  plan: Plan,
  old: OldCredential,
  at: {
    readonly previous: Pick<WatchFacts, 'oldAnswers' | 'refused'> | null;
    /** The mark of when it was switched off. */
    readonly mark: string | null;
    /** When the gate opened, or was opened again by a resume: a person has seen what was refused before. */
    readonly openedMs: number;
    readonly atMs: number;
    /** True where watch may pass by what is seen now. */
    readonly isLast: boolean;
  },
): Steps<OffSight> {
  if (!areHeard(plan)) return { oldAnswers: yield* ask('target', 'probe', yield* openStored(plan, old.version)) };
  const { oldAnswers: before = null, refused } = at.previous ?? {};
  const isSeen = refused !== undefined && refused.triedMs < at.openedMs;
  const mark = isSeen ? null : refused === undefined ? at.mark : refused.mark;
  const heard = mark === null ? null : yield* ask('target', 'refusedLogins', old.identity, mark);
  const from = fromConsumers(plan, heard?.kind === 'known' ? heard.from : []);
  const unknown = heard?.kind === 'unknown' ? heard.reason : null;
  const isTried = before !== null && deadEverywhere(before) && refused !== undefined && mark !== null;
  // Nothing passes while it is not known, and a try more would only be one more that is refused.
  if (isTried && (!at.isLast || unknown !== null)) {
    // Written down no more often than so: each newer mark is another line in the journal.
    const isOld = heard?.kind === 'known' && at.atMs - refused.markedMs >= MARK_FOR_MS;
    return {
      oldAnswers: before,
      refused: { ...refused, ...(isOld ? { mark: heard.mark, markedMs: at.atMs } : {}), from, unknown },
    };
  }
  const oldAnswers = yield* ask('target', 'probe', yield* openStored(plan, old.version));
  const next = yield* ask('target', 'refusedLogins', old.identity, null);
  return {
    oldAnswers,
    refused: {
      mark: next.kind === 'known' ? next.mark : null,
      markedMs: at.atMs,
      triedMs: at.atMs,
      from,
      unknown: unknown ?? (next.kind === 'unknown' ? next.reason : null),
    },
  };
}
