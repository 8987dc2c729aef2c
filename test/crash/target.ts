import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { adminOption, membership } from '../../rotators/postgres/changes.js';
import { configSchema } from '../../rotators/postgres/config.js';
import { readComment } from '../../rotators/postgres/role-comment.js';
import { scramVerifier } from '../../rotators/postgres/scram.js';
import { type Credential, type CredentialFields, parseCredential } from '../../src/core/credential.js';
import { Secret, openSecret } from '../../src/core/secret.js';
import { canary } from '../support/canary.mjs';
import type { ScriptedProvider } from '../support/scripted-provider.js';
import { withDatabase } from '../support/test-server.js';
import { type CrashSecret, type Kind, names } from './installation.js';
import { openPool } from '../support/pool.js';

/** What of a secret can log in at its target, found without Keyturn. */
export interface LiveAtTarget {
  readonly identity: string;
  /** The rotation whose tag it carries; null: none. */
  readonly rotationId: string | null;
}

/** The systems that accept the credentials: roles of a PostgreSQL server, a folder of tokens, a provider of API keys. */
export interface Targets {
  /** Makes the first credential of each secret, as a person would have. *Returns* them in the order of the secrets. */
  readonly adopt: (secrets: readonly CrashSecret[]) => Promise<readonly Credential[]>;
  /** Logs in as a consumer would. *Returns* false for a refusal; throws where nobody answered. */
  readonly accepts: (kind: Kind, credential: Credential) => Promise<boolean>;
  readonly live: (secret: CrashSecret) => Promise<readonly LiveAtTarget[]>;
  readonly close: () => Promise<void>;
}

/** What {@link openTargets} is given. */
export interface TargetsGiven {
  readonly folder: string;
  readonly adminPassword: Secret;
  /** Of API keys; null: no secret is a key. */
  readonly provider: ScriptedProvider | null;
}

/** Where the credential's parts are in the document a consumer reads. */
export function fieldsOf(kind: Kind): CredentialFields {
  if (kind === 'api-key') return { identity: 'id', value: 'key' };
  return kind === 'random' ? { identity: 'id', value: 'token' } : { identity: 'username', value: 'password' };
}

/** Takes the parts out of a stored document. */
export const credentialIn = (document: Secret, { kind, id }: CrashSecret): Credential =>
  parseCredential(document, fieldsOf(kind), id);

/** Makes the admin and the database of the targets on a server, and the folder of the tokens. */
export async function openTargets(
  superuserUrl: string,
  { folder, adminPassword, provider }: TargetsGiven,
): Promise<Targets> {
  const pool = openPool(withDatabase(superuserUrl, 'postgres'), 4);
  const tokens = join(folder, names.tokens);
  await mkdir(tokens);
  await pool.query(
    `CREATE ROLE ${names.admin} LOGIN CREATEROLE PASSWORD '${await scramVerifier(adminPassword, 4096)}'`,
  );
  await pool.query(`GRANT pg_read_all_stats, pg_signal_backend TO ${names.admin}`);
  await pool.query(`CREATE DATABASE ${names.targetDatabase}`);
  const targetUrl = withDatabase(superuserUrl, names.targetDatabase);

  const adopt = async (secrets: readonly CrashSecret[]): Promise<readonly Credential[]> => {
    const scripts: string[] = [];
    const credentials = await Promise.all(
      secrets.map(async (secret) => {
        // As a rotator would have generated it, so that it is found wherever it leaks.
        const value = Secret.fromText(canary());
        if (secret.kind === 'api-key') return adoptKey(provider!, secret, value);
        const identity = secret.kind === 'random' ? `${secret.name}-first` : `${secret.name}_a`;
        if (secret.kind === 'random') await adoptToken(tokens, secret, { identity, value });
        else scripts.push(await adoptRole(secret, { identity, value }));
        return { identity, value };
      }),
    );
    // One after the other: two that grant to one role at a time are refused.
    if (scripts.length > 0) await pool.query(scripts.join(';\n'));
    return credentials;
  };

  return {
    adopt,
    accepts: async (kind, credential) => {
      if (kind === 'api-key') return provider!.accepts(Buffer.from(openSecret(credential.value)).toString());
      return kind === 'random' ? acceptsToken(tokens, credential) : acceptsLogin(targetUrl, credential);
    },
    live: async (secret) => {
      if (secret.kind === 'api-key') return liveKeys(provider!, secret);
      return secret.kind === 'random' ? liveTokens(tokens, secret) : liveRoles(pool, secret);
    },
    close: async () => pool.end(),
  };
}

/** The SQL by which a person makes the first login. PostgreSQL 18: nothing older is started here. */
async function adoptRole({ kind, name }: CrashSecret, { identity, value }: Credential): Promise<string> {
  const verifier = await scramVerifier(value, 4096);
  const login = pg.escapeIdentifier(identity);
  const statements = [`CREATE ROLE ${login} LOGIN PASSWORD ${pg.escapeLiteral(verifier)}`];
  const owner = `${name}_owner`;
  if (kind === 'two-role') {
    statements.unshift(`CREATE ROLE ${pg.escapeIdentifier(owner)} NOLOGIN`);
    statements.push(...membership(owner, identity, 180_000));
  }
  const admin = configSchema.parse({
    mode: 'in-place',
    login: identity,
    endpoints: [{ host: '127.0.0.1' }],
    database: names.targetDatabase,
    admin: { username: names.admin, password: Secret.fromText('unused') },
  });
  statements.push(adminOption(admin, kind === 'two-role' ? [owner, identity] : [identity], 180_000));
  return statements.join(';\n');
}

async function acceptsLogin(url: string, { identity, value }: Credential): Promise<boolean> {
  const { hostname: host, port, pathname } = new URL(url);
  const client = new pg.Client({
    host,
    port: Number(port),
    database: pathname.slice(1),
    user: identity,
    password: Buffer.from(openSecret(value)).toString('utf8'),
  });
  // A session that is ended by a rotation is one of the things that happen here.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === '28P01' || code === '28000') return false;
    throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Every login role of the secret that may log in. */
async function liveRoles(pool: pg.Pool, { id, name }: CrashSecret): Promise<readonly LiveAtTarget[]> {
  const { rows } = await pool.query<{ readonly identity: string; readonly comment: string | null }>(
    `SELECT rolname AS identity, shobj_description(oid, 'pg_authid') AS comment
       FROM pg_authid WHERE rolcanlogin AND rolname IN ($1, $2)`,
    [`${name}_a`, `${name}_b`],
  );
  return rows.map(({ identity, comment }) => {
    const found = readComment(comment);
    const ours = found.kind === 'ours' && found.comment.secret === id ? found.comment.rotation : null;
    return { identity, rotationId: ours };
  });
}

interface Token {
  readonly secret: string;
  readonly rotation: string | null;
  readonly state: 'on' | 'off';
  readonly salt: string;
  readonly digest: string;
}

const digestOf = (salt: string, value: Secret): Buffer =>
  createHash('sha256').update(Buffer.from(salt, 'base64')).update(openSecret(value)).digest();

async function adoptToken(folder: string, { id }: CrashSecret, { identity, value }: Credential): Promise<void> {
  const salt = randomBytes(16).toString('base64');
  const digest = digestOf(salt, value).toString('base64');
  const token: Token = { secret: id, rotation: null, state: 'on', salt, digest };
  await writeFile(join(folder, `${identity}.json`), JSON.stringify(token), { mode: 0o600 });
}

async function acceptsToken(folder: string, { identity, value }: Credential): Promise<boolean> {
  const token = await readToken(join(folder, `${identity}.json`));
  if (token?.state !== 'on') return false;
  return timingSafeEqual(Buffer.from(token.digest, 'base64'), digestOf(token.salt, value));
}

async function readToken(path: string): Promise<Token | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as Token);
}

async function liveTokens(folder: string, { name }: CrashSecret): Promise<readonly LiveAtTarget[]> {
  const files = (await readdir(folder)).filter((each) => each.startsWith(`${name}-`) && each.endsWith('.json'));
  const live: LiveAtTarget[] = [];
  for (const each of files) {
    const token = await readToken(join(folder, each));
    if (token?.state === 'on') live.push({ identity: each.slice(0, -5), rotationId: token.rotation });
  }
  return live;
}

function adoptKey(provider: ScriptedProvider, { name }: CrashSecret, value: Secret): Credential {
  const { id } = provider.plant(`${name}-first`, { secret: Buffer.from(openSecret(value)).toString() });
  return { identity: id, value };
}

/** Every key of the secret that is not destroyed, switched off or not. */
function liveKeys(provider: ScriptedProvider, { name }: CrashSecret): readonly LiveAtTarget[] {
  return provider.keys
    .filter((key) => !key.isDestroyed && key.name.startsWith(`${name}-`))
    .map(({ id, note }) => ({ identity: id, rotationId: note === '' ? null : (note.split(':').at(-1) ?? null) }));
}
