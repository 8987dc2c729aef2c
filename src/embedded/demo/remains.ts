import { type DemoStore, names } from './parts.js';
import { withClient } from './databases.js';

/** What a look at the target's roles and at the store's label moves gives. */
type UrlOf = (database: string) => string;

/** Roles that can log in. Needs a superuser. */
export async function loginRoles(urlOf: UrlOf): Promise<readonly string[]> {
  return withClient(urlOf('postgres'), async (client) => {
    const { rows } = await client.query<{ rolname: string }>('SELECT rolname FROM pg_authid WHERE rolcanlogin');
    return rows.map(({ rolname }) => rolname);
  });
}

/**
 * Credentials that are alive and that nothing explains: roles that can log in, are not what `current` names, and were
 * not there before Keyturn began. Looked up in the target's own catalogue, not asked of the rotator.
 */
export async function findOrphans(
  urlOf: UrlOf,
  explained: { readonly before: readonly string[]; readonly current: string },
): Promise<readonly string[]> {
  const roles = await loginRoles(urlOf);
  return roles.filter((role) => role !== explained.current && !explained.before.includes(role));
}

/** Payments the target holds. */
export async function countPayments(urlOf: UrlOf): Promise<number> {
  return withClient(urlOf(names.targetDatabase), async (client) => {
    const { rows } = await client.query<{ count: number }>('SELECT count(*)::integer AS count FROM payments');
    return rows[0]?.count ?? 0;
  });
}

/** How often the label `current` has been moved so far, in the database of whichever store there is. */
export async function countMovesOfCurrent(urlOf: UrlOf, store: DemoStore): Promise<number> {
  return withClient(urlOf(store === 'ssm' ? names.ssmDatabase : names.stateDatabase), async (client) => {
    const { rows } = await client.query<{ count: number }>(
      "SELECT count(*)::integer AS count FROM keyturn.label_moves WHERE label = 'current' AND secret = $1",
      [names.secret],
    );
    return rows[0]?.count ?? 0;
  });
}
