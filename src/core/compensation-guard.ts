/** What `current` names, by content; `unreadable`: it could not be read, which is never the same as "nothing". */
export type Named =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'credential'; readonly version: number; readonly digest: string; readonly identity: string }
  | { readonly kind: 'unreadable' };

/**
 * May a compensation switch off or destroy this credential? Invariant I13: never what `current` names. Identity is
 * compared by content, because versions are renumbered when a parameter is deleted and made again.
 *
 * *Returns* why not, or `undefined` where it may.
 */
export function guardUndoCreate(
  current: Named,
  created: { readonly identity: string; readonly digest: string | null },
): string | undefined {
  if (current.kind !== 'credential')
    return current.kind === 'nothing' ? undefined : 'what `current` names cannot be read';
  if (current.identity === created.identity) return '`current` names the identity that would be destroyed';
  if (current.digest === created.digest) return '`current` names the value that would be destroyed';
  return undefined;
}

/** Whether this rotation put `current` on the new credential: not at all, nobody wrote down whether, or it did. */
export type Promotion = 'none' | 'unknown' | 'done';

/**
 * Must what `current` names be accepted before the new credential is switched off or destroyed?
 *
 * Once this rotation has promoted, the new credential is what applications worked with, and it was taken from them on
 * the word of a login that a person may have made untrue since. To destroy the last one that works is harm this
 * rotation would do (I13), where a person can still choose while both are there (L2).
 *
 * Where it has not promoted, nobody was pointed at the new one: without it applications are exactly as they would be
 * without this rotation, and one that is parked would stand in the way of the `rotate --repair` that mends them. A
 * repair begins with what is refused, so there a promotion counts only where it is known: the label then went back onto
 * what was accepted everywhere. What was refused all along must not keep a repair from turning back.
 */
export function mustAcceptNamed({ repair }: { readonly repair: boolean }, promotion: Promotion): boolean {
  return promotion === 'done' || (promotion === 'unknown' && !repair);
}

/** What undoing a promotion does with the label. */
export type LabelUndo =
  | { readonly kind: 'move' }
  /** It is back already. */
  | { readonly kind: 'nothing' }
  /** Somebody else has put it onto what works, and what it was on before is dead: it stays there. */
  | { readonly kind: 'stays' }
  | { readonly kind: 'unsafe'; readonly finding: string };

/**
 * May the label `current` be moved back from `from` to `to`? Only where this rotation put it, and only to a credential
 * that is accepted now. `unknown` is answered by trying again, never by moving.
 *
 * Where somebody else has moved the label, a person puts it back. It stays only onto what is accepted, and where what it
 * was on before is dead, so that nobody could put it back: then nothing of this rotation is in use. Were that alive, it
 * would be left behind by a rotation that has ended (I4); a copy of the new credential would be destroyed next.
 */
export function guardUndoPromote(at: {
  readonly current: number | null;
  readonly from: number | null;
  readonly to: number | null;
  /**
   * What a fresh login with what the label would name then was answered; `none`: it would name nothing; `new`: somebody
   * else has put it onto a copy of the new credential.
   */
  readonly named: 'accepted' | 'refused' | 'unknown' | 'none' | 'new';
  /** The same of what would be left behind where the label stays; `none`: nothing would. */
  readonly left: 'accepted' | 'refused' | 'unknown' | 'none';
}): LabelUndo {
  if (at.current === at.to) return { kind: 'nothing' };
  if (at.current !== at.from) {
    if (at.named !== 'accepted')
      return { kind: 'unsafe', finding: 'the label `current` is not where this rotation put it' };
    if (at.left === 'refused' || at.left === 'none') return { kind: 'stays' };
    const finding =
      'the label `current` is not where this rotation put it, and the credential it was on before may still be accepted';
    return { kind: 'unsafe', finding };
  }
  if (at.named === 'refused') return { kind: 'unsafe', finding: 'the old credential is refused' };
  if (at.named === 'unknown')
    return { kind: 'unsafe', finding: 'it is unknown whether the old credential is accepted' };
  return { kind: 'move' };
}
