import type { FenceToken } from 'keyturn/rotator';

/**
 * What we write into the comment of a role: `{"keyturn":{"secret":"prod:/db","era":1,"epoch":42,"rotation":"…"}}`.
 *
 * The role that keeps the fence token carries era and epoch, a login role the tag. In place they are the same role.
 */
export interface RoleComment {
  readonly secret: string;
  /** The fence token of the secret; null on a role that does not keep it. */
  readonly token: FenceToken | null;
  /** The rotation that made the login; null where it was adopted, or is not a login of ours. */
  readonly rotation: string | null;
  /** True for a tombstone. */
  readonly dead: boolean;
}

/** A role's comment as found: none, ours, or somebody else's, which is never overwritten in silence. */
export type FoundComment =
  | { readonly kind: 'none' }
  | { readonly kind: 'ours'; readonly comment: RoleComment }
  | { readonly kind: 'foreign' };

/** Reads a comment. Anything that is not exactly ours is foreign. */
export function readComment(text: string | null): FoundComment {
  if (text === null) return { kind: 'none' };
  const { keyturn } = parseObject(text);
  if (typeof keyturn !== 'object' || keyturn === null) return { kind: 'foreign' };
  const { secret, era, epoch, rotation, dead } = keyturn as Record<string, unknown>;
  if (typeof secret !== 'string') return { kind: 'foreign' };
  const token = isCount(era) && isCount(epoch) ? { era, epoch } : null;
  if (token === null && (era !== undefined || epoch !== undefined)) return { kind: 'foreign' };
  return {
    kind: 'ours',
    comment: { secret, token, rotation: typeof rotation === 'string' ? rotation : null, dead: dead === true },
  };
}

/** Writes a comment so that {@link readComment} gives the same back. */
export function writeComment({ secret, token, rotation, dead }: RoleComment): string {
  return JSON.stringify({
    keyturn: {
      secret,
      ...(token === null ? {} : { era: token.era, epoch: token.epoch }),
      ...(rotation === null ? {} : { rotation }),
      ...(dead ? { dead } : {}),
    },
  });
}

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value);

function parseObject(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
