import pg from 'pg';
import type { LoginPlace } from '../../src/embedded/demo/login.js';
import { secrets } from './cast.js';
import { attemptLogin } from './login-attempt.js';
import type { OldCredential } from './rotation-lanes.js';
import type { StateView } from './state-view.js';

/** Gives a superuser's connection string for a database. */
interface TargetServer {
  readonly url: (database: string) => string;
}

interface RoleRow {
  readonly name: string;
  readonly canLogin: boolean;
  readonly hasPassword: boolean;
  readonly isTagged: boolean;
}

/** Roles that can log in. */
export async function loginRoles(server: TargetServer): Promise<readonly string[]> {
  return (await rolesOf(server)).filter(({ canLogin }) => canLogin).map(({ name }) => name);
}

/** What explains a role that is alive. */
export interface Explained {
  /** Roles that could log in before Keyturn began. */
  readonly before: readonly string[];
  /** The identities that `current` names. */
  readonly currents: readonly string[];
}

/**
 * What is alive at the target and explained by nothing, by a look into its own catalogue and not by the rotator: a role
 * that can log in, or has a password and our tag; and a session of a login that `current` does not name. A tombstone
 * (no login, no password) and an owner that keeps a fence token are dead.
 */
export async function findOrphans(server: TargetServer, { before, currents }: Explained): Promise<readonly string[]> {
  const roles = (await rolesOf(server)).filter(
    ({ name, canLogin, hasPassword, isTagged }) =>
      (canLogin || (hasPassword && isTagged)) && !before.includes(name) && !currents.includes(name),
  );
  const logins = secrets.flatMap(({ logins: both }) => both).filter((login) => !currents.includes(login));
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

async function rolesOf(server: TargetServer): Promise<readonly RoleRow[]> {
  return rowsAt<RoleRow>(
    server,
    `SELECT rolname AS name, rolcanlogin AS "canLogin", rolpassword IS NOT NULL AS "hasPassword",
            coalesce(shobj_description(oid, 'pg_authid') LIKE '%"keyturn"%', false) AS "isTagged"
       FROM pg_authid`,
  );
}

async function rowsAt<Row extends pg.QueryResultRow>(
  server: TargetServer,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const client = new pg.Client(server.url('postgres'));
  await client.connect();
  try {
    return (await client.query<Row>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}
