import { type Credential, type Finding, type RotatorContext, keyturnError } from 'keyturn/rotator';
import pg from 'pg';
import type { Admin, AdminSession } from './admin.js';
import { adminOption, createOwner, deadTag, isMadeBy, isOfAnother, mayBeMade, membership } from './changes.js';
import { type PostgresConfig, isSelfManaged, loginsOf, nameOf, primaryOf, tokenRoleOf } from './config.js';
import { type Role, clearComment, readRole } from './fence.js';
import { statsCure } from './live-sessions.js';
import { logFindings, logsOf } from './refused-logins.js';

const { escapeIdentifier } = pg;

/** What preflight looks at. */
interface Looked {
  readonly config: PostgresConfig;
  readonly ctx: RotatorContext;
  readonly session: AdminSession;
  readonly current: string | null;
  /** The identity this rotation will make. */
  readonly next: string;
  readonly roles: ReadonlyMap<string, Standing>;
}

/** A role with what decides about it. */
interface Standing extends Role {
  /** True where the admin may change it. */
  readonly isAdministered: boolean;
  readonly isMember: boolean;
  readonly isExpired: boolean;
}

/** Everything that would make a rotation fail later, each with the SQL that mends it. *Errors* `FENCE_MISSING`. */
export async function preflight(
  config: PostgresConfig,
  admin: Admin,
  { current, next }: { readonly current: Credential | null; readonly next: string },
  ctx: RotatorContext,
): Promise<readonly Finding[]> {
  const primary = primaryOf(config);
  const work = {
    action: 'preflight',
    ctx,
    cure: `GRANT CONNECT ON DATABASE ${escapeIdentifier(config.adminDatabase)} TO ${escapeIdentifier(config.admin.username)};`,
  };
  const [found, servers, logs] = await Promise.all([
    admin.use(primary, work, async (session) => {
      const roles = await readStandings(session, config, [
        ...loginsOf(config),
        ...(current === null ? [] : [current.identity]),
      ]);
      const looked = { config, ctx, session, current: current?.identity ?? null, next, roles };
      refuseMissingToken(looked);
      return [
        ...ownerFindings(looked),
        ...commentFindings(looked),
        ...nextFindings(looked),
        ...currentFindings(looked),
        ...(await privilegeFindings(looked)),
        ...(await ownershipFindings(looked)),
        ...(await databaseFindings(looked)),
      ];
    }),
    Promise.all(config.endpoints.map(async (endpoint) => admin.use(endpoint, work, async ({ server }) => server))),
    Promise.all(
      logsOf(config).map(async (endpoint) =>
        admin.use(endpoint, work, async (session) => logFindings(session, nameOf(endpoint), config)),
      ),
    ),
  ]);
  return [...found, ...serverFindings(config, servers), ...logs.flat()];
}

function serverFindings(config: PostgresConfig, servers: readonly AdminSession['server'][]): readonly Finding[] {
  const findings: Finding[] = [];
  const [first] = servers;
  if (first?.isStandby === true) {
    findings.push({
      sentence: `${nameOf(primaryOf(config))} is a standby, and changes are written at the first endpoint`,
      cure: 'Name the primary first in `endpoints`.',
    });
  }
  servers.forEach((server, index) => {
    const endpoint = config.endpoints[index];
    if (endpoint === undefined || server.system === first?.system) return;
    findings.push({
      sentence: `${nameOf(endpoint)} is another cluster than ${nameOf(primaryOf(config))}, with accounts of its own`,
      cure: 'Name only a server and its standbys in `endpoints`; another cluster is another target.',
    });
  });
  return findings;
}

/**
 * Inputs: names of roles, and the role they should be members of. A role that does not exist has no row.
 * `is_administered`: from PostgreSQL 16 on a CREATEROLE admin may change only what it has ADMIN OPTION on.
 */
const standingQuery = `
  SELECT rolname, rolcanlogin, shobj_description(r.oid, 'pg_authid') AS comment,
         coalesce(rolvaliduntil < now(), false) AS is_expired,
         CASE WHEN me.rolsuper THEN true
              WHEN NOT me.rolcreaterole OR r.rolsuper THEN false
              WHEN $3 < 160000 THEN true
              ELSE pg_has_role(me.oid, r.oid, 'MEMBER WITH ADMIN OPTION') END AS is_administered,
         EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
                  WHERE m.member = r.oid AND g.rolname = $2) AS is_member
    FROM pg_roles r, (SELECT oid, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user) AS me
   WHERE rolname = ANY ($1)`;

async function readStandings(
  session: AdminSession,
  config: PostgresConfig,
  names: readonly string[],
): Promise<ReadonlyMap<string, Standing>> {
  const keeper = tokenRoleOf(config);
  const { rows } = await session.query(standingQuery, [[keeper, ...names], keeper, session.server.versionNumber]);
  return new Map(
    rows.map((row) => {
      const flags = {
        isAdministered: row['is_administered'] === true,
        isMember: row['is_member'] === true,
        isExpired: row['is_expired'] === true,
      };
      const role = { ...readRole(row), ...flags };
      return [role.name, role];
    }),
  );
}

function refuseMissingToken({ config, ctx, roles }: Looked): void {
  const found = roles.get(tokenRoleOf(config))?.found;
  if (!ctx.fence.known || (found?.kind === 'ours' && found.comment.token !== null)) return;
  throw keyturnError('FENCE_MISSING', { secret: ctx.secret });
}

function ownerFindings({ config, roles }: Looked): readonly Finding[] {
  if (config.mode === 'in-place' || roles.has(config.owner)) return [];
  return [{ sentence: `there is no owner role ${config.owner}`, cure: createOwner(config.owner) }];
}

function commentFindings({ config, ctx, roles }: Looked): readonly Finding[] {
  return [...roles.values()].flatMap(({ name, found }) => {
    if (found.kind === 'foreign') {
      return [
        { sentence: `the comment of role ${name} is not ours, and we would need its place`, cure: clearComment(name) },
      ];
    }
    if (found.kind !== 'ours' || found.comment.secret === ctx.secret) return [];
    const sentence = `role ${name} belongs to the secret ${found.comment.secret}`;
    const isKeeper = name === tokenRoleOf(config);
    const cure = isKeeper
      ? 'Give each secret an owner of its own in `owner` (in place: a login of its own).'
      : 'Give each secret logins of its own in `logins`.';
    return [{ sentence, cure }];
  });
}

/**
 * In place the login is live by nature. Where it has no version, whoever logs in with it has a password that nobody has
 * told us: it would be replaced without a word, and could not be put back.
 */
function nextFindings(looked: Looked): readonly Finding[] {
  const { config, ctx, current, next, roles } = looked;
  const role = roles.get(next);
  // Whose it is has been said, and what would hand it over kills what another secret may have in use.
  if (role === undefined || role.found.kind === 'foreign' || isOfAnother(role, ctx)) return [];
  const findings: Finding[] = [];
  if (!mayBeMade(role, { config, ctx })) {
    findings.push({
      sentence: `role ${next} is in the way: it can log in, or it does not carry our dead tag`,
      cure: deadTag(next, { ctx }),
    });
  }
  if (config.mode === 'in-place' && current === null && role.canLogin && !isMadeBy(role, ctx)) {
    const [environment, path] = partsOf(ctx.secret);
    findings.push({
      sentence: `role ${next} can log in already, and Keyturn has no version of its password`,
      cure:
        `Put its present password: keyturn store put ${path} --env ${environment} --current < credential.json; ` +
        `or, if nobody uses it: ALTER ROLE ${escapeIdentifier(next)} NOLOGIN;`,
    });
  }
  if (role.isExpired) {
    const cure = `ALTER ROLE ${escapeIdentifier(next)} VALID UNTIL 'infinity';`;
    findings.push({ sentence: `the password of role ${next} would be expired from the start (VALID UNTIL)`, cure });
  }
  return findings;
}

/** `environment:/path` taken apart; an environment has no colon. */
function partsOf(secret: string): readonly [environment: string, path: string] {
  const colon = secret.indexOf(':');
  return [secret.slice(0, colon), secret.slice(colon + 1)];
}

function currentFindings({ config, current, roles, session }: Looked): readonly Finding[] {
  const { username } = config.admin;
  if (current === username && !isSelfManaged(config)) {
    return [
      {
        sentence: `the current credential is the account of the admin itself (${username}), which the rotation would switch off`,
        cure: 'Give Keyturn an account of its own in `admin`.',
      },
    ];
  }
  const role = current === null ? undefined : roles.get(current);
  if (config.mode === 'in-place' || role === undefined || !loginsOf(config).includes(role.name) || role.isMember)
    return [];
  const cure = membership(config.owner, role.name, session.server.versionNumber);
  return [
    {
      sentence: `role ${role.name} is not a member of the owner ${config.owner}, so its twin cannot use what it makes`,
      cure: `${cure.join('; ')};`,
    },
  ];
}

/** Inputs: the roles whose sessions we must see and end. A superuser may do all of it. */
const privilegeQuery = `
  SELECT rolsuper AS is_superuser, rolcreaterole AS may_create,
         pg_has_role(oid, 'pg_read_all_stats', 'USAGE') AS sees_sessions,
         pg_has_role(oid, 'pg_signal_backend', 'USAGE') AS ends_sessions
    FROM pg_roles WHERE rolname = current_user`;

async function privilegeFindings({ config, roles, session }: Looked): Promise<readonly Finding[]> {
  const { rows } = await session.query(privilegeQuery);
  const admin = config.admin.username;
  const version = session.server.versionNumber;
  const row = rows[0];
  if (row === undefined || row['is_superuser'] === true) return [];
  if (isSelfManaged(config) && version >= 160_000) {
    const owner = tokenRoleOf(config);
    const sentence = `from PostgreSQL 16 on only a superuser can change the other of two logins that act as ${owner}`;
    return [
      { sentence, cure: `ALTER ROLE ${escapeIdentifier(owner)} SUPERUSER; -- or give this secret an admin of its own` },
    ];
  }
  const findings: Finding[] = [];
  const beyond = [...roles.values()]
    // The admin's own account is a finding of its own, which this would not mend.
    .filter(({ isAdministered, name }) => !isAdministered && name !== admin)
    .map(({ name }) => name);
  if (row['may_create'] !== true) {
    const cure = `ALTER ROLE ${escapeIdentifier(admin)} CREATEROLE;`;
    findings.push({ sentence: `admin ${admin} may not create or change roles`, cure });
  }
  if (row['may_create'] === true && beyond.length > 0) {
    const cure = adminOption(config, beyond, version);
    findings.push({ sentence: `admin ${admin} may not change ${beyond.join(', ')}`, cure });
  }
  if (row['sees_sessions'] !== true) {
    findings.push({ sentence: `admin ${admin} cannot see when sessions began`, cure: statsCure(config) });
  }
  if (row['ends_sessions'] !== true) {
    const cure = `GRANT pg_signal_backend TO ${escapeIdentifier(admin)};`;
    findings.push({ sentence: `admin ${admin} cannot end sessions`, cure });
  }
  return findings;
}

/** Inputs: login roles. In which databases each owns something; '' stands for what is shared by the whole cluster. */
const ownershipQuery = `
  SELECT r.rolname AS role, coalesce(d.datname, '') AS database, count(*)::int AS objects
    FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid LEFT JOIN pg_database d ON d.oid = s.dbid
   WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype = 'o' AND r.rolname = ANY ($1)
   GROUP BY 1, 2 ORDER BY 1, 2`;

async function ownershipFindings({ config, roles, session }: Looked): Promise<readonly Finding[]> {
  if (config.mode === 'in-place') return [];
  const logins = [...roles.keys()].filter((name) => name !== config.owner);
  const { rows } = await session.query(ownershipQuery, [logins]);
  return rows.map((row) => {
    const [role, database] = [String(row['role']), String(row['database'])];
    const where = database === '' ? 'of the cluster' : `in database ${database}`;
    const reassign = `REASSIGN OWNED BY ${escapeIdentifier(role)} TO ${escapeIdentifier(config.owner)};`;
    return {
      sentence: `role ${role} owns ${String(row['objects'])} object(s) ${where}, which its twin cannot use`,
      cure: database === '' ? reassign : `${reassign} -- run it in database ${escapeIdentifier(database)}`,
    };
  });
}

/** Connections that must be free beside our own: a probe at each step, and a twin pool of the consumers to begin with. */
const fewestFree = 5;

/**
 * Inputs: the database of consumers, and the role that needs to connect to it; null where none is needed yet.
 * `exists` false: no such database. `may_connect` is null where there is no such role.
 */
const databaseQuery = `
  SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS exists,
         (SELECT has_database_privilege(r.oid, d.oid, 'CONNECT') FROM pg_roles r, pg_database d
           WHERE r.rolname = $2 AND d.datname = $1) AS may_connect,
         current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL)::int AS free`;

async function databaseFindings({ config, session }: Looked): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const databases = new Set(config.endpoints.map((endpoint) => endpoint.database ?? config.database));
  let free = fewestFree;
  for (const database of databases) {
    const { rows } = await session.query(databaseQuery, [database, tokenRoleOf(config)]);
    const [name, role] = [escapeIdentifier(database), escapeIdentifier(tokenRoleOf(config))];
    if (rows[0]?.['exists'] !== true) {
      findings.push({ sentence: `there is no database ${database}`, cure: `CREATE DATABASE ${name} OWNER ${role};` });
    } else if (rows[0]['may_connect'] === false) {
      const cure = `GRANT CONNECT ON DATABASE ${name} TO ${role};`;
      findings.push({ sentence: `role ${tokenRoleOf(config)} may not connect to database ${database}`, cure });
    }
    free = Number(rows[0]?.['free'] ?? 0);
  }
  if (free < fewestFree) {
    findings.push({
      sentence: `only ${free} connection(s) are free, and both credentials are in use for a while`,
      cure: 'ALTER SYSTEM SET max_connections = 200; -- or more, then restart the server',
    });
  }
  return findings;
}
