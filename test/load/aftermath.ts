import pg from 'pg';
import type { LoginPlace } from '../../src/embedded/demo/login.js';
import type { EmbeddedPostgres } from '../../src/embedded/postgres.js';
import { names, secrets } from './cast.js';
import { attemptLogin } from './login-attempt.js';
import type { OldCredential } from './rotation-lanes.js';
import type { StateView } from './state-view.js';

interface RoleRow {
  readonly name: string;
  readonly canLogin: boolean;
  readonly hasPassword: boolean;
  readonly comment: string | null;
}

/** Roles that can log in. */
export async function loginRoles(server: EmbeddedPostgres): Promise<readonly string[]> {
  return (await rolesOf(server)).filter(({ canLogin }) => canLogin).map(({ name }) => name);
}

/**
 * What is alive at the target and explained by nothing, by a look into its own catalogue and not by the rotator: a role
 * that carries our tag or can log in, and is neither what `current` names, nor a tombstone (no login, no password), nor
 * an owner that keeps a fence token, nor was there before Keyturn began. Sessions of such a role count as well.
 */
export async function findOrphans(
  server: EmbeddedPostgres,
  state: StateView,
  before: readonly string[],
): Promise<readonly string[]> {
  const currents = new Set<string>();
  for (const secret of secrets) {
    const current = await state.current(secret);
    if (current !== null) currents.add(current.credential.identity);
  }
  const owners = secrets.map(({ owner }) => owner);
  const roles = (await rolesOf(server)).filter(
    ({ name, canLogin, hasPassword, comment }) =>
      !currents.has(name) &&
      !before.includes(name) &&
      (canLogin || (comment !== null && comment.includes('"keyturn"') && (hasPassword || !owners.includes(name)))) &&
      !isTombstone({ canLogin, hasPassword, comment }),
  );
  const logins = secrets.flatMap(({ logins: both }) => both).filter((login) => !currents.has(login));
  const sessions = await rowsAt<{ name: string }>(
    server,
    'SELECT usename AS name FROM pg_stat_activity WHERE usename = ANY ($1)',
    [logins],
  );
  return [...roles.map(({ name }) => `role ${name}`), ...sessions.map(({ name }) => `session of ${name}`)];
}

/** What a closed rotation must not leave behind in our state: sealed values, a label `pending`. */
export async function findRemains(state: StateView): Promise<readonly string[]> {
  const rows = await state.rows<{ what: string }>(
    `SELECT 'a sealed value of ' || rotation_id AS what FROM keyturn.sealed_values
     UNION ALL
     SELECT 'the label pending of ' || secret FROM keyturn.labels WHERE label = 'pending' AND version IS NOT NULL`,
  );
  return rows.map(({ what }) => what);
}

/** Old credentials that the target does not refuse now. */
export async function findAlive(target: LoginPlace, olds: readonly OldCredential[]): Promise<readonly OldCredential[]> {
  const alive: OldCredential[] = [];
  for (const old of olds) if ((await attemptLogin(target, old.credential)).kind !== 'refused') alive.push(old);
  return alive;
}

function isTombstone({ canLogin, hasPassword, comment }: Omit<RoleRow, 'name'>): boolean {
  return !canLogin && !hasPassword && comment !== null && /"dead":\s*true/.test(comment);
}

async function rolesOf(server: EmbeddedPostgres): Promise<readonly RoleRow[]> {
  return rowsAt<RoleRow>(
    server,
    `SELECT rolname AS name, rolcanlogin AS "canLogin", rolpassword IS NOT NULL AS "hasPassword",
            shobj_description(oid, 'pg_authid') AS comment
       FROM pg_authid`,
  );
}

async function rowsAt<Row extends pg.QueryResultRow>(
  server: EmbeddedPostgres,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const client = new pg.Client(server.url(names.targetDatabase));
  await client.connect();
  try {
    return (await client.query<Row>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}
