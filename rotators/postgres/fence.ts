import { judgeFence, keyturnError, type RotatorContext } from 'keyturn/rotator';
import pg from 'pg';
import type { Admin, AdminSession } from './admin.js';
import { type PostgresConfig, primaryOf, tokenRoleOf } from './config.js';
import { type FoundComment, type RoleComment, readComment, writeComment } from './role-comment.js';

const { escapeIdentifier, escapeLiteral } = pg;

/** A role as it stands, read after the lock. */
export interface Role {
  readonly name: string;
  readonly canLogin: boolean;
  readonly found: FoundComment;
}

/** What is to be changed. */
export interface Change {
  /** Complete statements without a semicolon at their end. */
  readonly statements: readonly string[];
  /** The tag each named role carries afterwards. */
  readonly tags: ReadonlyMap<string, Tag>;
}

/** A role's tag: see {@link RoleComment}. */
export type Tag = Pick<RoleComment, 'rotation' | 'dead'>;

/** Changes nothing but the token. */
export const noChange: Change = { statements: [], tags: new Map() };

/** What is done under the fence. The errors do not name the target: the engine knows it by its own name. */
export interface FencedWork {
  readonly config: PostgresConfig;
  readonly admin: Admin;
  readonly ctx: RotatorContext;
  readonly action: string;
  /** The SQL that grants what is missing, should a privilege be. */
  readonly cure: string;
  /** The roles that `decide` wants to see, beside the one that keeps the token. */
  readonly roles: readonly string[];
  /** Says what to change, from what stands. Throwing ends the transaction with nothing changed. */
  readonly decide: (roles: ReadonlyMap<string, Role>, session: AdminSession) => Change;
}

/**
 * Makes a change under the fence of the secret: advisory lock, then the token, then the change and the new token, in one
 * transaction. An executor with an older token is refused, however late its request arrives.
 *
 * *Errors* `STALE_EPOCH`, `FENCE_MISSING`, `PRINCIPAL_IN_USE` where the token's place is taken by somebody else's
 * comment, and those of {@link faultError}.
 */
export async function underFence(work: FencedWork): Promise<void> {
  const { config, admin } = work;
  let isCommitting = false;
  const act = async (session: AdminSession): Promise<void> => {
    const roles = await lockAndRead(session, work);
    const stored = judge(roles.get(tokenRoleOf(config)), work);
    const change = work.decide(roles, session);
    const comments = commentStatements(roles, stored, change, work);
    isCommitting = true;
    await session.script([...change.statements, ...comments, 'COMMIT'].join(';\n'));
  };
  await admin.use(primaryOf(config), work, act, () => isCommitting);
}

/**
 * Takes the lock, then reads the roles.
 *
 * READ COMMITTED whatever the server's default: under REPEATABLE READ one who waited for the lock reads the token as it
 * was before, and writes. For the same reason the read is a statement of its own. Both timeouts are set before the lock:
 * nobody waits for ever, and a holder that was paused is ended so that it does not block the winner.
 */
async function lockAndRead(session: AdminSession, work: FencedWork): Promise<ReadonlyMap<string, Role>> {
  const { config, ctx } = work;
  const names = [...new Set([tokenRoleOf(config), ...work.roles])];
  const statementMs = Math.max(1, Math.min(config.statementTimeoutMs, Math.floor(ctx.deadlineMs * 0.8)));
  const results = await session.script(`
    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL lock_timeout = ${Math.min(config.lockTimeoutMs, statementMs)};
    SET LOCAL idle_in_transaction_session_timeout = 5000;
    SET LOCAL statement_timeout = ${statementMs};
    ${session.server.quietLog}
    SELECT pg_advisory_xact_lock(hashtextextended(${escapeLiteral(`keyturn:${ctx.secret}`)}, 0));
    SELECT rolname, rolcanlogin, shobj_description(oid, 'pg_authid') AS comment
      FROM pg_roles WHERE rolname IN (${names.map(escapeLiteral).join(', ')})`);
  return new Map((results.at(-1)?.rows ?? []).map(readRole).map((role) => [role.name, role]));
}

/** Reads a row of `rolname, rolcanlogin, comment`. */
export function readRole(row: Record<string, unknown>): Role {
  return {
    name: String(row['rolname']),
    canLogin: row['rolcanlogin'] === true,
    found: readComment(typeof row['comment'] === 'string' ? row['comment'] : null),
  };
}

/** *Returns* what the token's role carries now; null where it carries nothing. Throws where we may not go on. */
function judge(holder: Role | undefined, { config, ctx }: FencedWork): RoleComment | null {
  const found = holder?.found ?? { kind: 'none' };
  const isOurs = found.kind === 'ours' && found.comment.secret === ctx.secret;
  if (!isOurs && found.kind !== 'none') {
    const principal = tokenRoleOf(config);
    throw keyturnError('PRINCIPAL_IN_USE', {
      principal,
      cure: found.kind === 'foreign' ? clearComment(principal) : 'give each secret an owner of its own in `owner`',
    });
  }
  const comment = isOurs ? found.comment : null;
  const stored = comment?.token ?? null;
  const verdict = judgeFence(stored, ctx.fence);
  switch (verdict) {
    case 'pass':
      return comment;
    case 'missing':
      throw keyturnError('FENCE_MISSING', { secret: ctx.secret });
    case 'stale': {
      const { era, epoch } = stored ?? ctx.fence;
      throw keyturnError('STALE_EPOCH', { secret: ctx.secret, storedEra: era, storedEpoch: epoch });
    }
    default:
      return verdict satisfies never;
  }
}

/** The comments that are not yet as they should be. A role that does not exist and is not made now gets none. */
function commentStatements(
  roles: ReadonlyMap<string, Role>,
  stored: RoleComment | null,
  change: Change,
  { config, ctx }: FencedWork,
): readonly string[] {
  const keeper = tokenRoleOf(config);
  const names = new Set([...(roles.has(keeper) ? [keeper] : []), ...change.tags.keys()]);
  const statements: string[] = [];
  for (const name of names) {
    const found = roles.get(name)?.found ?? { kind: 'none' };
    const before: RoleComment | null = found.kind === 'ours' ? found.comment : name === keeper ? stored : null;
    const after = writeComment({
      secret: ctx.secret,
      token: name === keeper ? { era: ctx.fence.era, epoch: ctx.fence.epoch } : null,
      rotation: before?.rotation ?? null,
      dead: before?.dead ?? false,
      ...change.tags.get(name),
    });
    if (before !== null && writeComment(before) === after) continue;
    statements.push(`COMMENT ON ROLE ${escapeIdentifier(name)} IS ${escapeLiteral(after)}`);
  }
  return statements;
}

/** The SQL by which the owner of a foreign comment gives it up. */
export function clearComment(role: string): string {
  return `COMMENT ON ROLE ${escapeIdentifier(role)} IS NULL;`;
}
