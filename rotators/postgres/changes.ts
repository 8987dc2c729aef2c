import { type KeyturnError, type Provenance, type RotatorContext, keyturnError } from 'keyturn/rotator';
import pg from 'pg';
import { type PostgresConfig, loginsOf, tokenRoleOf } from './config.js';
import { type Change, type Role, noChange } from './fence.js';
import { writeComment } from './role-comment.js';

const { escapeIdentifier, escapeLiteral } = pg;

type Roles = ReadonlyMap<string, Role>;

/** What the decisions below need to know beside the roles. */
export interface Deciding {
  readonly config: PostgresConfig;
  readonly ctx: RotatorContext;
  /** `180004` for 18.4. */
  readonly versionNumber: number;
}

/**
 * Makes the login live with this verifier, tagged with the rotation.
 *
 * *Errors* `PRINCIPAL_IN_USE` where the role can log in or lacks our dead tag, unless this rotation made it (half-made,
 * or repeated); `PREFLIGHT_FAILED` where there is no owner.
 */
export function decideCreate(roles: Roles, identity: string, verifier: string, deciding: Deciding): Change {
  const { config, ctx } = deciding;
  if (!loginsOf(config).includes(identity)) throw inUse(identity, 'name it among the logins of this secret');
  if (config.mode !== 'in-place' && !roles.has(config.owner)) throw ownerMissing(config.owner, deciding);
  const role = roles.get(identity);
  if (role !== undefined && isOfAnother(role, ctx)) {
    throw inUse(identity, 'give each secret logins of its own in `logins`');
  }
  if (role !== undefined && !mayBeMade(role, deciding)) throw inUse(identity, deadTag(identity, deciding));
  const login = escapeIdentifier(identity);
  const verb = role === undefined ? 'CREATE' : 'ALTER';
  const statements = [`${verb} ROLE ${login} LOGIN INHERIT PASSWORD ${escapeLiteral(verifier)}`];
  if (config.mode !== 'in-place') statements.push(...membership(config.owner, identity, deciding.versionNumber));
  return { statements, tags: new Map([[identity, { rotation: ctx.rotationId, dead: false }]]) };
}

/** The statements that make a login act as the owner from its first statement on. */
export function membership(owner: string, login: string, versionNumber: number): readonly string[] {
  const [group, member] = [escapeIdentifier(owner), escapeIdentifier(login)];
  const options = versionNumber >= 160_000 ? ' WITH INHERIT TRUE, SET TRUE' : '';
  return [`GRANT ${group} TO ${member}${options}`, `ALTER ROLE ${member} SET role TO ${escapeLiteral(owner)}`];
}

/** In place the login is live by nature, and only a comment of somebody else keeps us off. */
export function mayBeMade({ found, canLogin }: Role, { config, ctx }: Pick<Deciding, 'config' | 'ctx'>): boolean {
  if (found.kind === 'foreign') return false;
  if (found.kind === 'none') return config.mode === 'in-place';
  const { secret, rotation, dead } = found.comment;
  if (secret !== ctx.secret) return false;
  return config.mode === 'in-place' || (dead ? !canLogin : rotation === ctx.rotationId);
}

/**
 * Login off or on. A role that is not there, or is as it should be, stays so; the tag is kept.
 *
 * Switched are the login this rotation made and, once it has made one, the other one, whoever made that. A rotation whose
 * `create` was refused because somebody uses the role must not switch that role off when it is undone.
 *
 * *Errors* `NOT_OURS`.
 */
export function decideLogin(roles: Roles, identity: string, canLogin: boolean, deciding: Deciding): Change {
  const role = roles.get(identity);
  if (role === undefined || role.canLogin === canLogin) return noChange;
  refuseForeign(role, deciding);
  if (![...roles.values()].some((each) => isMadeBy(each, deciding.ctx))) throw notOurs(identity);
  // A tombstone has no password; to let it log in again would say that it is alive.
  if (canLogin && role.found.kind === 'ours' && role.found.comment.dead) return noChange;
  return {
    statements: [`ALTER ROLE ${escapeIdentifier(identity)} ${canLogin ? 'LOGIN' : 'NOLOGIN'}`],
    tags: new Map(),
  };
}

/** True where the role carries the tag of another secret, whose live credential it may be: no cure touches it. */
export function isOfAnother({ found }: Role, { secret }: Pick<RotatorContext, 'secret'>): boolean {
  return found.kind === 'ours' && found.comment.secret !== secret;
}

/** True where the role carries the tag of this rotation. */
export function isMadeBy({ found }: Role, { rotationId, secret }: RotatorContext): boolean {
  return found.kind === 'ours' && found.comment.secret === secret && found.comment.rotation === rotationId;
}

/**
 * Turns the login into a tombstone: no login, no password, the tag kept. The role is not dropped, because with it would
 * go the tag, and in place the fence token.
 *
 * In place the old password went when the new one came, so there is nothing left to remove, except where this very
 * rotation made the login and is undone.
 */
export function decideDestroy(roles: Roles, identity: string, provenance: Provenance, deciding: Deciding): Change {
  const role = roles.get(identity);
  if (role === undefined) return noChange;
  const { config, ctx } = deciding;
  const tag = role.found.kind === 'ours' ? role.found.comment : null;
  if (config.mode === 'in-place') {
    if (tag?.rotation !== provenance.createdBy || provenance.createdBy !== ctx.rotationId) return noChange;
  } else {
    refuseForeign(role, deciding);
    if ((tag?.rotation ?? null) !== provenance.createdBy) {
      // Never made anew since somebody else destroyed it: what this rotation would have made is not there.
      if (tag?.dead === true && !role.canLogin) return noChange;
      throw notOurs(identity);
    }
  }
  const tags = new Map([[identity, { rotation: tag?.rotation ?? null, dead: true }]]);
  if (tag?.dead === true && !role.canLogin) return { statements: [], tags };
  return { statements: [`ALTER ROLE ${escapeIdentifier(identity)} NOLOGIN PASSWORD NULL`], tags };
}

function refuseForeign(role: Role, deciding: Deciding): void {
  const { name, found } = role;
  if (found.kind === 'foreign' || isOfAnother(role, deciding.ctx)) throw notOurs(name);
  if (name === deciding.config.admin.username) throw notOurs(name);
}

/** The SQL by which a person hands a login over: switched off, and with our dead tag. */
export function deadTag(identity: string, { ctx }: Pick<Deciding, 'ctx'>): string {
  const role = escapeIdentifier(identity);
  const comment = writeComment({ secret: ctx.secret, token: null, rotation: null, dead: true });
  return `ALTER ROLE ${role} NOLOGIN PASSWORD NULL; COMMENT ON ROLE ${role} IS ${escapeLiteral(comment)};`;
}

function inUse(principal: string, cure: string): KeyturnError {
  return keyturnError('PRINCIPAL_IN_USE', { principal, cure });
}

function notOurs(identity: string): KeyturnError {
  return keyturnError('NOT_OURS', { identity });
}

function ownerMissing(owner: string, { ctx }: Deciding): KeyturnError {
  const finding = `there is no owner role ${owner}`;
  return keyturnError('PREFLIGHT_FAILED', { secret: ctx.secret, finding, cure: createOwner(owner) });
}

/** The SQL that makes the owner role. */
export function createOwner(owner: string): string {
  return `CREATE ROLE ${escapeIdentifier(owner)} NOLOGIN;`;
}

/** The SQL that gives the admin what it needs over a role: from PostgreSQL 16 on CREATEROLE alone is not enough. */
export function adminOption(config: PostgresConfig, roles: readonly string[], versionNumber: number): string {
  const admin = escapeIdentifier(config.admin.username);
  if (versionNumber < 160_000) return `ALTER ROLE ${admin} CREATEROLE;`;
  const names = roles.map(escapeIdentifier).join(', ');
  return `ALTER ROLE ${admin} CREATEROLE; GRANT ${names} TO ${admin} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;`;
}

/** The SQL for a change that was refused for want of a privilege, before it is known which role it was about. */
export function changeCure(config: PostgresConfig, identity: string): string {
  return adminOption(config, [...new Set([tokenRoleOf(config), identity])], 160_000);
}
