import { isIP } from 'node:net';
import { secretSchema } from 'keyturn/rotator';
import { z } from 'zod';
import { tagPrefix } from './accounts.js';

const userName = z.string().regex(/^[^\s\0]+$/, 'must be a name without spaces');

/** Words of an access rule that make a login, or take one away: that is the rotator's business alone. */
const loginWords = ['on', 'off', 'nopass', 'resetpass', 'reset', 'clearselectors'];

const rule = z
  .string()
  .regex(/^(\S+|\([^()]+\))$/, 'must be one access rule; a selector stands in parentheses')
  .refine((text) => !/^[><#!]/.test(text), 'a password is none of the rules')
  .refine((text) => !loginWords.includes(text.toLowerCase()), 'whether it may log in is none of the rules')
  .refine((text) => !text.includes(tagPrefix), `${tagPrefix} is what Keyturn marks its own accounts with`);

const endpoint = z
  .strictObject({
    /** A host name or an address. */
    host: z.string().regex(/^[^\s/@]+$/, 'must be a host name or an address'),
    port: z.int().min(1).max(65535).default(6379),
    /** `verify-full` is the default for every host but loopback. There is no fallback to an open line. */
    tls: z.enum(['verify-full', 'off-loopback-only']).optional(),
    /** The authority that signed the server's certificate, in PEM. Default: those Node trusts. */
    ca: z.string().optional(),
  })
  .refine(({ host, tls }) => tls !== 'off-loopback-only' || isLoopback(host), {
    path: ['tls'],
    message: 'only a loopback address may be spoken to without TLS',
  });

/** What the rotator `redis` is configured with. */
export const configSchema = z.strictObject({
  /** Every server that consumers log in to, replicas too: a server does not tell its replicas of its accounts. */
  endpoints: z.array(endpoint).min(1),
  admin: z.strictObject({ username: userName, password: secretSchema }),
  /** Accounts are named `<name>-<rotation>`. */
  name: z
    .string()
    .regex(/^[\w.-]+$/, 'must be letters, digits, `_`, `.` and `-`')
    .max(64),
  /** What an account may do, one access rule each: `['~billing:*', '+@read', '+@write', '+ping']`. */
  rules: z.array(rule).min(1),
  /** What a consumer does first: one command that the rules allow, in words. */
  check: z.array(z.string()).min(1).default(['PING']),
  /** Milliseconds. */
  connectTimeoutMs: z.int().min(1).default(5_000),
});

/** See {@link configSchema}. */
export type RedisConfig = z.infer<typeof configSchema>;

/** One server, as configured. */
export type Endpoint = RedisConfig['endpoints'][number];

/** `cache1:6379`: how errors and answers name an endpoint. */
export function nameOf({ host, port }: Endpoint): string {
  return `${host}:${port}`;
}

/** The account that a rotation makes: another one each time, so that nothing older can be meant by the name. */
export function identityOf({ name }: Pick<RedisConfig, 'name'>, rotationId: string): string {
  return `${name}-${rotationId}`;
}

/** True where the bytes never leave the machine. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** True where the line must be encrypted and the server must prove its name. */
export function needsTls({ host, tls }: Endpoint): boolean {
  return tls === undefined ? !isLoopback(host) : tls === 'verify-full';
}
