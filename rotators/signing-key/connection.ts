import { randomBytes, timingSafeEqual } from 'node:crypto';
import {
  type Connection,
  type Credential,
  type EndpointAnswer,
  type RotatorContext,
  Secret,
  keyturnError,
  openSecret,
} from 'keyturn/rotator';
import type { SigningKeyConfig } from './config.js';
import { type Entry, keyFolder } from './key-folder.js';

/** Opens the rotator for one secret. See {@link Connection} for what each member promises. */
export function connect(config: SigningKeyConfig): Connection {
  const { folder, name, prefix } = config;
  const keys = keyFolder(config);

  const switchTo = async (id: string, state: Entry['state'], ctx: RotatorContext): Promise<void> => {
    ctx.signal.throwIfAborted();
    const entry = await keys.read(id);
    if (entry === null || entry.state === state) return;
    if (entry.secret !== ctx.secret) throw keyturnError('NOT_OURS', { identity: id });
    await keys.write(id, { ...entry, state }, ctx.signal);
  };

  /** Never throws: what cannot be read has not answered. */
  const ask = async ({ identity, value }: Credential): Promise<readonly EndpointAnswer[]> => {
    try {
      const entry = await keys.read(identity);
      if (entry === null) return [{ endpoint: folder, answer: 'absent', reason: 'there is no such key' }];
      if (entry.state === 'off') return [{ endpoint: folder, answer: 'refused', reason: 'the key is switched off' }];
      return [{ endpoint: folder, answer: isSame(entry.key, value) ? 'accepted' : 'refused' }];
    } catch {
      return [{ endpoint: folder, answer: 'unknown', reason: 'the folder could not be read' }];
    }
  };

  return {
    preflight: async () => {
      const fault = await keys.fault();
      return fault === null ? [] : [fault];
    },
    identify: async (ctx) => keys.identify(ctx),
    propose: async (_current, { rotationId }) => ({
      identity: `${name}-${rotationId}`,
      value: Secret.fromText(`${prefix}${randomBytes(32).toString('base64')}`),
    }),
    create: async ({ identity, value }, ctx) => {
      ctx.signal.throwIfAborted();
      if (value === undefined) throw keyturnError('VALUE_REJECTED');
      const entry = await keys.read(identity);
      if (entry !== null && !isFrom(entry, ctx.rotationId, ctx)) {
        throw keyturnError('PRINCIPAL_IN_USE', { principal: identity, cure: `rm ${folder}/${identity}.json` });
      }
      const key = new TextDecoder().decode(openSecret(value));
      await keys.write(identity, { secret: ctx.secret, rotation: ctx.rotationId, state: 'on', key }, ctx.signal);
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
      const entry = await keys.read(identity);
      if (entry !== null && !isFrom(entry, createdBy, ctx)) throw keyturnError('NOT_OURS', { identity });
      // Also where there is none: a crash may have left a half-made one, with the key in it.
      await keys.remove(identity);
    },
    list: async (ctx) => {
      const entries = await Promise.all((await keys.ids()).map(async (id) => ({ id, entry: await keys.read(id) })));
      return entries.flatMap(({ id, entry }) =>
        entry === null || entry.secret !== ctx.secret || entry.rotation === null
          ? []
          : [{ identity: id, rotationId: entry.rotation, live: true }],
      );
    },
    close: async () => {},
  };
}

/** Whose entry is it? */
function isFrom(entry: Entry, rotation: string | null, { secret }: RotatorContext): boolean {
  return entry.secret === secret && entry.rotation === rotation;
}

function isSame(key: string, value: Secret): boolean {
  const [kept, asked] = [Buffer.from(key), Buffer.from(openSecret(value))];
  return kept.length === asked.length && timingSafeEqual(kept, asked);
}
