import { isIP } from 'node:net';
import { secretSchema } from 'keyturn/rotator';
import { z } from 'zod';

/** The longest name PostgreSQL keeps whole; it cuts a longer one, and two names might become one. */
const maxNameBytes = 63;

const roleName = z
  .string()
  .min(1)
  .refine((name) => Buffer.byteLength(name) <= maxNameBytes, `must be at most ${maxNameBytes} bytes`)
  .refine((name) => !name.includes('\0'), 'must not hold a zero byte')
  .refine((name) => name.isWellFormed(), 'must be well-formed Unicode')
  .refine((name) => !name.startsWith('pg_'), 'names that begin with pg_ belong to PostgreSQL')
  .refine((name) => !['public', 'none'].includes(name), 'is a word that PostgreSQL keeps for itself');

const databaseName = z
  .string()
  .min(1)
  .refine((name) => Buffer.byteLength(name) <= maxNameBytes, `must be at most ${maxNameBytes} bytes`)
  .refine((name) => !name.includes('\0'), 'must not hold a zero byte');

const endpoint = z
  .strictObject({
    /** A host name or an address. */
    host: z.string().regex(/^[^\s/@]+$/, 'must be a host name or an address'),
    port: z.int().min(1).max(65535).default(5432),
    /** Where consumers log in at this endpoint, if not in `database`. */
    database: databaseName.optional(),
    /** `verify-full` is the default for every host but loopback. There is no fallback to an open line. */
    tls: z.enum(['verify-full', 'off-loopback-only']).optional(),
    /** The authority that signed the server's certificate, in PEM. Default: those Node trusts. */
    ca: z.string().optional(),
  })
  .refine(({ host, tls }) => tls !== 'off-loopback-only' || isLoopback(host), {
    path: ['tls'],
    message: 'only a loopback address may be spoken to without TLS',
  });

const shared = {
  /** Every server that consumers log in to. Changes are written at the first; the others are its standbys. */
  endpoints: z.array(endpoint).min(1),
  /** The fixed database of the first endpoint where we take the lock: advisory locks are per database. */
  adminDatabase: databaseName.default('postgres'),
  admin: z.strictObject({ username: roleName, password: secretSchema }),
  /** Where consumers log in. */
  database: databaseName,
  /** Milliseconds. */
  lockTimeoutMs: z.int().min(1).default(3_000),
  /** Milliseconds. */
  statementTimeoutMs: z.int().min(1).default(10_000),
  /** Milliseconds. */
  connectTimeoutMs: z.int().min(1).default(5_000),
  /** Of the SCRAM verifier. 4096 is what the server itself would use; node-postgres refuses more than 100,000. */
  iterations: z.int().min(4_096).max(100_000).default(4_096),
  /** Characters from an alphabet of 62. 24 are 142 bits. */
  passwordLength: z.int().min(24).max(128).default(32),
};

const twoRole = z.strictObject({
  mode: z.literal('two-role').optional(),
  /** Owns what the logins make; both are members of it and act as it. It keeps the fence token. */
  owner: roleName,
  /** The two login roles that take turns. */
  logins: z.tuple([roleName, roleName]),
  /** True where the admin is whichever of the two logins is current: `admin: store(…)` of this very secret. */
  selfManaged: z.boolean().default(false),
  /** True where the servers write a log in JSON and the admin may read it: it tells from where logins were refused. */
  refusedLogins: z.boolean().default(false),
  ...shared,
});

const inPlace = z.strictObject({
  mode: z.literal('in-place'),
  /** The one login role whose password is replaced. It keeps the fence token. */
  login: roleName,
  ...shared,
});

/** What the rotator `postgres` is configured with. */
export const configSchema = z.discriminatedUnion('mode', [twoRole, inPlace]).superRefine((config, problems) => {
  const names = [...loginsOf(config), ...(config.mode === 'in-place' ? [] : [config.owner])];
  if (new Set(names).size < names.length) {
    problems.addIssue({
      code: 'custom',
      path: ['logins'],
      message: 'the owner and the logins must be different roles',
    });
  }
  if (names.includes(config.admin.username) && !isSelfManaged(config)) {
    problems.addIssue({
      code: 'custom',
      path: ['admin', 'username'],
      message: 'the admin is not a role to be rotated',
    });
  }
});

/** See {@link configSchema}. */
export type PostgresConfig = z.infer<typeof configSchema>;

/** One server, as configured. */
export type Endpoint = PostgresConfig['endpoints'][number];

/** The login roles this secret may have. */
export function loginsOf(config: PostgresConfig): readonly string[] {
  return config.mode === 'in-place' ? [config.login] : config.logins;
}

/** True where the login that is current is the admin's, and each switches the other off. */
export function isSelfManaged(config: PostgresConfig): boolean {
  return config.mode !== 'in-place' && config.selfManaged;
}

/** The role whose comment keeps the fence token: it is never dropped, and there is one for each secret. */
export function tokenRoleOf(config: PostgresConfig): string {
  return config.mode === 'in-place' ? config.login : config.owner;
}

/** `db1:5432`: how errors and answers name an endpoint. */
export function nameOf(endpoint: Endpoint): string {
  return `${endpoint.host}:${endpoint.port}`;
}

/** The endpoint where changes are written. */
export function primaryOf(config: PostgresConfig): Endpoint {
  return config.endpoints[0] as Endpoint; // The schema asks for at least one.
}

/** True where the bytes never leave the machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** True where the line must be encrypted and the server must prove its name. */
export function needsTls({ host, tls }: Endpoint): boolean {
  return tls === undefined ? !isLoopback(host) : tls === 'verify-full';
}
