import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CONTRACT,
  type Classification,
  type Connection,
  type Credential,
  type EndpointAnswer,
  type RotatorContext,
  Secret,
  defineRotator,
  keyturnError,
  openSecret,
} from 'keyturn/rotator';
import { z } from 'zod';

// The smallest complete rotator, and the one to copy. Its target is a folder of digests: one file for each token, read
// by whoever checks tokens. docs/writing-a-rotator.md walks through it.

const configSchema = z.strictObject({
  /** The folder that whoever checks tokens reads. */
  folder: z.string().min(1),
  /** Identities begin with it. */
  name: z.string().regex(/^[a-z0-9-]+$/, 'must be lower case letters, digits and dashes'),
});

type Config = z.infer<typeof configSchema>;

/** `<identity>.json`: what the checker needs, and the tag by which we know our own. The token itself is not there. */
const entrySchema = z.object({
  secret: z.string(),
  rotation: z.string().nullable(),
  state: z.enum(['on', 'off']),
  /** Base64. */
  salt: z.string(),
  /** SHA-256 of salt and token, in base64. */
  digest: z.string(),
});

type Entry = z.infer<typeof entrySchema>;

/** Whose entry is it? A missing one is nobody's. */
const isFrom = (entry: Entry, rotation: string | null, { secret }: RotatorContext): boolean =>
  entry.secret === secret && entry.rotation === rotation;

const digestOf = (salt: string, token: Secret): Buffer =>
  createHash('sha256').update(Buffer.from(salt, 'base64')).update(openSecret(token)).digest();

/** As one word of a shell. */
const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`);

function connect({ folder, name }: Config): Connection {
  // An identity comes back to us from the store: it must not lead out of the folder.
  const fileOf = (identity: string): string => {
    if (/^[\w-]+$/.test(identity)) return join(folder, `${identity}.json`);
    throw keyturnError('NOT_OURS', { identity });
  };

  /** *Returns* null where there is none. A folder that is not there is no answer: it may be a mount that is missing. */
  const read = async (identity: string): Promise<Entry | null> => {
    const file = fileOf(identity);
    await stat(folder);
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    });
    return text === null ? null : entrySchema.parse(JSON.parse(text));
  };

  /** A reader sees the old entry or the new one, never half of one. What a crash leaves is not read by anybody. */
  const write = async (identity: string, entry: Entry): Promise<void> => {
    const file = fileOf(identity);
    const half = `${file}.${randomBytes(6).toString('hex')}.tmp`;
    await writeFile(half, JSON.stringify(entry), { flag: 'wx', mode: 0o600 });
    await rename(half, file);
  };

  const switchTo = async (identity: string, state: Entry['state'], ctx: RotatorContext): Promise<void> => {
    ctx.signal.throwIfAborted();
    const entry = await read(identity);
    if (entry === null || entry.state === state) return;
    if (entry.secret !== ctx.secret) throw keyturnError('NOT_OURS', { identity });
    await write(identity, { ...entry, state });
  };

  /** Never throws: what cannot be read has not answered. */
  const ask = async ({ identity, value }: Credential): Promise<readonly EndpointAnswer[]> => {
    try {
      const entry = await read(identity);
      if (entry === null) return [{ endpoint: folder, answer: 'absent', reason: 'there is no such entry' }];
      if (entry.state === 'off') return [{ endpoint: folder, answer: 'refused', reason: 'it is switched off' }];
      const digest = Buffer.from(entry.digest, 'base64');
      const isSame = digest.length === 32 && timingSafeEqual(digest, digestOf(entry.salt, value));
      return [isSame ? { endpoint: folder, answer: 'accepted' } : { endpoint: folder, answer: 'refused' }];
    } catch {
      return [{ endpoint: folder, answer: 'unknown', reason: 'the folder could not be read' }];
    }
  };

  const missing = { sentence: `there is no folder ${folder}`, cure: `mkdir -p ${quoted(folder)}` };

  return {
    preflight: async () => {
      const found = await stat(folder).catch(() => null);
      return found?.isDirectory() === true ? [] : [missing];
    },
    identify: async ({ step }) => {
      const found = await stat(folder).catch(() => null);
      // The inode stays when the folder is renamed, and changes when another one is put in its place.
      if (found !== null) return { system: `${found.dev}:${found.ino}` };
      // Asked before anything was changed it ends the rotation, with the cure; later it is a mount that may come back.
      if (step !== 'preflight') throw keyturnError('TARGET_UNREACHABLE', { endpoint: folder });
      throw keyturnError('PREFLIGHT_FAILED', { finding: missing.sentence, cure: missing.cure });
    },
    propose: async (_current, { rotationId }) => ({
      identity: `${name}-${rotationId}`,
      value: Secret.fromText(randomBytes(32).toString('base64url')),
    }),
    create: async ({ identity, value }, ctx) => {
      ctx.signal.throwIfAborted();
      if (value === undefined) throw keyturnError('VALUE_REJECTED');
      const entry = await read(identity);
      // One of this rotation was half-made, or is made again: it is replaced.
      if (entry !== null && !isFrom(entry, ctx.rotationId, ctx)) {
        throw keyturnError('PRINCIPAL_IN_USE', { principal: identity, cure: `rm ${quoted(fileOf(identity))}` });
      }
      const salt = randomBytes(16).toString('base64');
      const digest = digestOf(salt, value).toString('base64');
      await write(identity, { secret: ctx.secret, rotation: ctx.rotationId, state: 'on', salt, digest });
      return { identity };
    },
    probe: ask,
    verify: ask,
    usage: async () => ({ kind: 'unknown', reason: 'a folder does not know who reads it' }),
    raise: async () => {},
    disable: async (identity, ctx) => {
      await switchTo(identity, 'off', ctx);
      return { endedSessions: 0 };
    },
    enable: async (identity, ctx) => switchTo(identity, 'on', ctx),
    destroy: async (identity, { createdBy }, ctx) => {
      ctx.signal.throwIfAborted();
      const entry = await read(identity);
      if (entry === null) return;
      if (!isFrom(entry, createdBy, ctx)) throw keyturnError('NOT_OURS', { identity });
      await rm(fileOf(identity), { force: true });
    },
    list: async (ctx) => {
      const identities = (await readdir(folder))
        .filter((file) => /^[\w-]+\.json$/.test(file))
        .map((file) => file.slice(0, -5));
      const entries = await Promise.all(
        identities.map(async (identity) => ({ identity, entry: await read(identity) })),
      );
      return entries.flatMap(({ identity, entry }) =>
        entry === null || entry.secret !== ctx.secret || entry.rotation === null
          ? []
          : [{ identity, rotationId: entry.rotation, live: true }],
      );
    },
    close: async () => {},
  };
}

/** What a folder says where we may not write. `ERR_ACCESS_DENIED` is Node's own, of a process that was not allowed it. */
const forbidding = ['EACCES', 'EPERM', 'EROFS', 'ERR_ACCESS_DENIED'];

/** What was forbidden was not done, for certain. Of all else nobody knows. */
function classify(error: unknown): Classification {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return forbidding.includes(code) ? 'rejected-by-authority' : 'unknown';
}

/** Random tokens, accepted by a folder of digests. */
export default defineRotator<Config>({
  name: 'random',
  contract: CONTRACT,
  config: configSchema,
  credential: { identity: 'id', value: 'token' },
  capabilities: () => ({
    overlap: 'two-live',
    origin: 'ours',
    fence: false,
    disable: true,
    usage: false,
    endsSessions: false,
    list: true,
    // A write is over when the call is; this is for a process that was paused in the middle of one.
    settleMs: 10_000,
  }),
  principal: ({ folder, name }) => join(folder, name),
  connect,
  classify,
});
