import { type Finding, type RotatorContext, keyturnError } from 'keyturn/rotator';
import { isFrom, isReadable, named, readAccount, schemaCure } from './accounts.js';
import { type AdminSession, type Work, adminCure, asAdmin } from './admin.js';
import { type MariadbConfig, identityOf, nameOf, primaryOf } from './config.js';
import { passwordsCure, wantsPasswords } from './faults.js';
import { processQuery } from './live-sessions.js';

interface Looked {
  readonly config: MariadbConfig;
  readonly ctx: RotatorContext;
  readonly session: AdminSession;
  readonly current: string | null;
}

/** Everything that would make a rotation fail later, each with the SQL that mends it. Changes nothing. */
export async function preflight(
  config: MariadbConfig,
  current: string | null,
  ctx: RotatorContext,
): Promise<readonly Finding[]> {
  return asAdmin(primaryOf(config), { config, action: 'preflight', ctx }, async (session) => {
    const looked = { config, ctx, session, current };
    const unfit = await serverFindings(looked);
    if (unfit.length > 0) return unfit;
    return [
      ...(await privilegeFindings(looked)),
      ...(await roleFindings(looked)),
      ...(await nextFindings(looked)),
      ...(await currentFindings(looked)),
    ];
  });
}

/** What makes the server one that no account can be rotated on. */
async function serverFindings({ session }: Looked): Promise<readonly Finding[]> {
  const endpoint = nameOf(session.endpoint);
  const [row] = await session.query('SELECT version() AS version, @@read_only AS read_only');
  const version = String(row?.['version']);
  if (!version.includes('MariaDB')) {
    const sentence = `${endpoint} is not MariaDB (${version}), whose accounts and roles work otherwise`;
    return [{ sentence, cure: 'MySQL of Oracle is not supported.' }];
  }
  if (Number(row?.['read_only']) !== 0) {
    const sentence = `${endpoint} is read-only, and changes are written at the first endpoint`;
    return [{ sentence, cure: 'Name the primary first in `endpoints`.' }];
  }
  const judges = await session.query(
    `SELECT 1 FROM information_schema.plugins
      WHERE plugin_type = 'PASSWORD VALIDATION' AND plugin_status = 'ACTIVE' AND @@strict_password_validation`,
  );
  return judges.length === 0 ? [] : [{ sentence: wantsPasswords(endpoint), cure: passwordsCure }];
}

/** Inputs: none. The global privileges of ours among those that are needed. */
const privilegesQuery = `
  SELECT privilege_type AS name FROM information_schema.user_privileges
   WHERE grantee = concat('''', replace(current_user(), '@', '''@'''), '''')`;

async function privilegeFindings({ config, session }: Looked): Promise<readonly Finding[]> {
  const held = new Set((await session.query(privilegesQuery)).map(({ name }) => String(name)));
  const missing = ['CREATE USER', 'CONNECTION ADMIN'].filter((name) => !held.has(name));
  if ((await session.query(processQuery)).length === 0) missing.push('PROCESS');
  if (missing.length === 0) return [];
  const sentence = `admin ${config.admin.username} lacks ${missing.join(', ')} at ${nameOf(session.endpoint)}`;
  return [{ sentence, cure: adminCure(config) }];
}

/** Inputs: the role. `exists`, and whether we may grant it. */
const roleQuery = `
  SELECT count(*) AS found,
         (SELECT count(*) FROM mysql.roles_mapping
           WHERE BINARY role = ? AND admin_option = 'Y' AND concat(user, '@', host) = current_user()) AS granted
    FROM mysql.global_priv WHERE BINARY user = ? AND json_value(priv, '$.is_role') = 1`;

async function roleFindings({ config, session }: Looked): Promise<readonly Finding[]> {
  const [row] = await session.query(roleQuery, [config.role, config.role]);
  const { role, admin } = config;
  if (Number(row?.['found']) === 0) {
    const cure = `CREATE ROLE \`${role}\` WITH ADMIN '${admin.username}'@'%'; -- and GRANT it what the consumers need`;
    return [{ sentence: `there is no role ${role}`, cure }];
  }
  if (Number(row?.['granted']) > 0) return [];
  return [{ sentence: `admin ${admin.username} may not grant the role ${role}`, cure: adminCure(config) }];
}

async function nextFindings({ config, ctx, session }: Looked): Promise<readonly Finding[]> {
  const account = await readAccount(session, config, identityOf(config, ctx.rotationId));
  if (account.hosts.length === 0 || isFrom(account, ctx.rotationId, ctx.secret)) return [];
  return [{ sentence: `account ${account.name} is not ours`, cure: `DROP USER ${named(account)};` }];
}

/** Inputs: an account. What runs with its rights, and stops when it is dropped; of views and triggers those we may see. */
const definerQuery = `
  SELECT 'view' AS kind, table_schema AS holder, table_name AS name FROM information_schema.views WHERE definer LIKE ?
  UNION ALL SELECT lower(type), db, name FROM mysql.proc WHERE definer LIKE ?
  UNION ALL SELECT 'trigger', trigger_schema, trigger_name FROM information_schema.triggers WHERE definer LIKE ?
  UNION ALL SELECT 'event', db, name FROM mysql.event WHERE definer LIKE ?`;

async function currentFindings({ config, session, current }: Looked): Promise<readonly Finding[]> {
  if (current === null) return [];
  if (isNeverOurs(config, current)) {
    const sentence = `the current credential is the account ${current}, on which more than one consumer rests`;
    const cure = 'Give the consumer an account of its own, put that as the current version, and rotate then.';
    return [{ sentence, cure }];
  }
  if (!isReadable(current)) {
    const sentence = `the current account has the name ${JSON.stringify(current)}, by which Keyturn could not switch it off`;
    const cure =
      'Give the consumer an account whose name holds letters, digits, `_`, `.` and `-` alone, put that as the current version, and rotate then.';
    return [{ sentence, cure }];
  }
  const pattern = `${current.replaceAll('_', '\\_')}@%`;
  const rows = await session.query(definerQuery, [pattern, pattern, pattern, pattern]);
  return rows.map(({ kind, holder, name }) => ({
    sentence: `${String(kind)} ${String(holder)}.${String(name)} runs with the rights of ${current}, and stops with it`,
    cure: `Define it anew with DEFINER = \`${config.role}\`.`,
  }));
}

/** The admin's own account, and those of the server itself. */
export function isNeverOurs({ admin }: Pick<MariadbConfig, 'admin'>, name: string): boolean {
  return name === admin.username || ['root', 'mysql', 'mariadb.sys'].includes(name);
}

/**
 * The identifier in the tables of Keyturn: a replica has the same, and a moved address leads to another one or to none.
 *
 * *Errors* `PREFLIGHT_FAILED` with the SQL that makes the tables, where nothing has been changed yet; else `TARGET_CHANGED`.
 */
export async function identify(work: Work): Promise<{ readonly system: string }> {
  const { config, ctx } = work;
  const systems = await Promise.all(
    config.endpoints.map(async (endpoint) =>
      asAdmin(endpoint, work, async (session) => {
        const there = await session.query(
          `SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = 'systems'`,
          [config.schema],
        );
        const rows = there.length === 0 ? [] : await session.query(`SELECT id FROM ${config.schema}.systems`);
        return rows.length === 1 ? String(rows[0]?.['id']) : '';
      }),
    ),
  );
  const [system = ''] = systems;
  if (system !== '' && systems.every((other) => other === system)) return { system };
  const odd = config.endpoints[systems.findIndex((other) => other === '' || other !== system)];
  const finding = `${odd === undefined ? '' : nameOf(odd)} does not have ${system === '' ? 'the tables of Keyturn' : 'the identifier of the first endpoint'}`;
  if (ctx.step !== 'preflight') throw keyturnError('TARGET_CHANGED', { finding });
  const cure = system === '' ? schemaCure(config) : 'Name only a server and its replicas in `endpoints`.';
  throw keyturnError('PREFLIGHT_FAILED', { secret: ctx.secret, finding, cure: `${cure} ${adminCure(config)}` });
}
