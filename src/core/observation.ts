/** What one endpoint answered to a login. */
export type EndpointAnswer = {
  /** Name of the endpoint, without credentials: `db1:5432`. */
  readonly endpoint: string;
  /**
   * `accepted`: logged in. `refused`: the target said no to this value. `absent`: the target says there is no such
   * identity. `unknown`: anything else; a network fault is always `unknown`, never `refused`.
   */
  readonly answer: 'accepted' | 'refused' | 'absent' | 'unknown';
  /** Why, in words without values. */
  readonly reason?: string;
};

/** Who uses an identity now, over all endpoints. Ages are by the target's clock. Milliseconds. */
export type Usage =
  | {
      readonly kind: 'known';
      readonly sessions: number;
      /** Age of the session opened last; null without sessions. */
      readonly youngestAgeMs: number | null;
      /** Age of the session opened first; null without sessions. */
      readonly oldestAgeMs: number | null;
    }
  | { readonly kind: 'unknown'; readonly reason: string };

/** From where the target has refused logins with an identity since a mark, over all endpoints. */
export type RefusedLogins =
  | {
      readonly kind: 'known';
      /** Of now, for the next time: in words of the rotator's own, and without values. */
      readonly mark: string;
      /** Addresses, without ports, each once. Empty where nothing was asked but the mark. */
      readonly from: readonly string[];
    }
  | { readonly kind: 'unknown'; readonly reason: string };

/** One thing that must be mended before a rotation may start. */
export type Finding = {
  /** What is wrong, in one sentence without values. */
  readonly sentence: string;
  /** What to run or change, complete: the SQL, the setting. */
  readonly cure: string;
};

/** A credential at the target that carries our tag; where the target keeps none, any. */
export type Tagged = {
  readonly identity: string;
  /** The rotation that created it; null where the target keeps no tag (`Capabilities.exclusive`). */
  readonly rotationId: string | null;
  /** False for a tombstone: it can no longer log in and only keeps the tag. */
  readonly live: boolean;
};

/** True where there is at least one endpoint and all of them gave this answer. No endpoints prove nothing. */
export function everywhere(answers: readonly EndpointAnswer[], answer: EndpointAnswer['answer']): boolean {
  return answers.length > 0 && answers.every((each) => each.answer === answer);
}

/** True where every endpoint turned the credential away: by its value or because the identity is gone. */
export function deadEverywhere(answers: readonly EndpointAnswer[]): boolean {
  return answers.length > 0 && answers.every((each) => each.answer === 'refused' || each.answer === 'absent');
}

/** The first endpoint that gave one of these answers. */
export function whereAnswered(
  answers: readonly EndpointAnswer[],
  ...wanted: readonly EndpointAnswer['answer'][]
): EndpointAnswer | undefined {
  return answers.find((each) => wanted.includes(each.answer));
}
