import { isIP } from 'node:net';
import { secretSchema } from 'keyturn/rotator';
import { z } from 'zod';

/** Names that stand in SQL: what needs no escaping cannot break out of a statement. */
const word = z.string().regex(/^[\w.-]+$/, 'must be letters, digits, `_`, `.` and `-`');

const endpoint = z
  .strictObject({
    /** A host name or an address. */
    host: z.string().regex(/^[^\s/@]+$/, 'must be a host name or an address'),
    port: z.int().min(1).max(65535).default(3306),
    /** `verify-full` is the default for every host but loopback. There is no fallback to an open line. */
    tls: z.enum(['verify-full', 'off-loopback-only']).optional(),
    /** The authority that signed the server's certificate, in PEM. Default: those Node trusts. */
    ca: z.string().optional(),
  })
  .refine(({ host, tls }) => tls !== 'off-loopback-only' || isLoopback(host), {
    path: ['tls'],
    message: 'only a loopback address may be spoken to without TLS',
  })
  // For an address the driver would check that the certificate is for `localhost`.
  .refine((each) => !needsTls(each) || isIP(each.host) === 0, {
    path: ['host'],
    message: 'must be a host name where TLS is used: the driver cannot check a certificate against an address',
  });

/** What the rotator `mariadb` is configured with. */
export const configSchema = z
  .strictObject({
    /** Every server that consumers log in to. Changes are written at the first; the others are its replicas. */
    endpoints: z.array(endpoint).min(1),
    admin: z.strictObject({ username: z.string().min(1), password: secretSchema }),
    /** Accounts are named `<name>-<rotation>`, and MariaDB takes 80 characters. */
    name: word.max(40),
    /** Holds the rights. Each account is granted it and acts as it from its login on. */
    role: word.max(80),
    /** Where consumers log in from, as MariaDB writes hosts. Keyturn's own address must be in it. Default: anywhere. */
    from: z
      .string()
      .regex(/^[\w.:%/-]+$/, 'must be a host as MariaDB writes it')
      .default('%'),
    /** The database consumers log in to; without one they name it themselves. */
    database: word.max(64).optional(),
    /** The database with the two tables of Keyturn, which a person makes. */
    schema: z
      .string()
      .regex(/^\w{1,64}$/, 'must be letters, digits and `_`')
      .default('keyturn'),
    /** Milliseconds. */
    connectTimeoutMs: z.int().min(1).default(5_000),
  })
  .refine(({ admin, name }) => !admin.username.startsWith(`${name}-`), {
    path: ['admin', 'username'],
    message: 'the admin is not an account to be rotated',
  });

/** See {@link configSchema}. */
export type MariadbConfig = z.infer<typeof configSchema>;

/** One server, as configured. */
export type Endpoint = MariadbConfig['endpoints'][number];

/** `db1:3306`: how errors and answers name an endpoint. */
export function nameOf({ host, port }: Endpoint): string {
  return `${host}:${port}`;
}

/** The endpoint where changes are written. */
export function primaryOf(config: MariadbConfig): Endpoint {
  return config.endpoints[0] as Endpoint; // The schema asks for at least one.
}

/** The account that a rotation makes: another one each time, so that nothing older can be meant by the name. */
export function identityOf({ name }: Pick<MariadbConfig, 'name'>, rotationId: string): string {
  return `${name}-${rotationId}`;
}

/** True where the bytes never leave the machine. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** True where the line must be encrypted and the server must prove its name. */
export function needsTls({ host, tls }: { readonly host: string; readonly tls?: string | undefined }): boolean {
  return tls === undefined ? !isLoopback(host) : tls === 'verify-full';
}
