import { randomBytes } from 'node:crypto';
import {
  type Capabilities,
  type Connection,
  type FenceToken,
  type Rotator,
  type RotatorContext,
  Secret,
  defineRotator,
  judgeFence,
  keyturnError,
  openSecret,
  secretSchema,
} from 'keyturn/rotator';
import type { RotatorHarness } from 'keyturn/testing';
import { z } from 'zod';

/** A credential at the target of {@link SoundTarget}. */
export interface Entry {
  /** Null: somebody else made it. */
  tag: { readonly secret: string; readonly rotation: string } | null;
  value: string;
  isOn: boolean;
  madeAt: number;
  readonly sessions: Set<{ isOpen: boolean }>;
}

/** Where a connection leads, and how the target behaves there. */
export type Line = 'plain' | 'away' | 'hung' | 'losing' | 'policy' | 'authority' | 'quota';

/** A target in memory that can do everything a rotator may declare, and every fault a harness may make. */
export class SoundTarget {
  readonly #entries = new Map<string, Entry>();
  readonly tokens = new Map<string, FenceToken>();
  /** Refused logins, the oldest first. */
  readonly refused: string[] = [];
  lost = 0;
  made = 0;

  /** Values in clear: where nobody finds them who looks at a configuration. */
  entries(): Map<string, Entry> {
    return this.#entries;
  }

  /** Sends a request over a line. */
  async over<Answer>(line: Line, ctx: RotatorContext, kind: 'read' | 'change', act: () => Answer): Promise<Answer> {
    ctx.signal.throwIfAborted();
    await new Promise(setImmediate);
    ctx.signal.throwIfAborted();
    if (line === 'away') throw keyturnError('TARGET_UNREACHABLE', { endpoint: 'memory' });
    if (line === 'hung') {
      return new Promise((_, reject) => {
        ctx.signal.addEventListener('abort', () => reject(keyturnError('DEADLINE_EXCEEDED', { call: 'a request' })));
      });
    }
    if (line === 'authority') throw keyturnError('ADMIN_REFUSED');
    const answer = act();
    if (line === 'losing' && kind === 'change') {
      this.lost += 1;
      throw new Error('the line was cut');
    }
    return answer;
  }
}

const configSchema = z.strictObject({
  target: z.instanceof(SoundTarget),
  line: z.enum(['plain', 'away', 'hung', 'losing', 'policy', 'authority', 'quota']),
  admin: secretSchema,
});

/** Its configuration. */
export type SoundConfig = z.infer<typeof configSchema>;

/** All that a rotator may be able to do. */
export const soundCapabilities: Capabilities = {
  overlap: 'two-live',
  origin: 'ours',
  fence: true,
  disable: true,
  usage: true,
  refusedLogins: true,
  endsSessions: true,
  list: true,
  settleMs: 0,
};

/** A rotator that keeps every promise. */
export function soundConnection({ target, line }: SoundConfig): Connection {
  const { tokens } = target;
  const entries = target.entries();
  const fenced = (ctx: RotatorContext): void => {
    const verdict = judgeFence(tokens.get(ctx.secret) ?? null, ctx.fence);
    if (verdict === 'stale') throw keyturnError('STALE_EPOCH', { secret: ctx.secret });
    if (verdict === 'missing') throw keyturnError('FENCE_MISSING', { secret: ctx.secret });
    tokens.set(ctx.secret, { era: ctx.fence.era, epoch: ctx.fence.epoch });
  };
  const change = async (ctx: RotatorContext, act: () => void): Promise<void> =>
    target.over(line, ctx, 'change', () => {
      fenced(ctx);
      act();
    });
  const ours = (identity: string, ctx: RotatorContext): Entry | undefined => {
    const entry = entries.get(identity);
    // What carries no tag may have been adopted.
    const isOfAnother = entry !== undefined && entry.tag !== null && entry.tag.secret !== ctx.secret;
    if (isOfAnother) throw keyturnError('NOT_OURS', { identity });
    return entry;
  };
  const ask: Connection['probe'] = async ({ identity, value }, ctx) => {
    try {
      // The credential asks for itself: whether we are refused says nothing of it.
      const asking = line === 'authority' ? 'plain' : line;
      return await target.over(asking, ctx, 'read', () => {
        const entry = entries.get(identity);
        if (entry === undefined) return [{ endpoint: 'memory', answer: 'absent' as const }];
        const isSame = entry.isOn && entry.value === Buffer.from(openSecret(value)).toString();
        if (!isSame) target.refused.push(identity);
        return [{ endpoint: 'memory', answer: isSame ? ('accepted' as const) : ('refused' as const) }];
      });
    } catch {
      return [{ endpoint: 'memory', answer: 'unknown', reason: 'no answer' }];
    }
  };
  return {
    preflight: async (_current, ctx) => target.over(line, ctx, 'read', () => []),
    identify: async (ctx) => target.over(line, ctx, 'read', () => ({ system: 'memory' })),
    propose: async (_current, ctx) => ({
      identity: `app-${ctx.rotationId}`,
      value: Secret.fromText(randomBytes(24).toString('base64url')),
    }),
    create: async ({ identity, value }, ctx) => {
      await change(ctx, () => {
        if (value === undefined || line === 'policy') throw keyturnError('VALUE_REJECTED');
        if (line === 'quota') throw keyturnError('TARGET_THROTTLED');
        const entry = entries.get(identity);
        if (entry !== undefined && (entry.tag?.secret !== ctx.secret || entry.tag.rotation !== ctx.rotationId)) {
          throw keyturnError('PRINCIPAL_IN_USE', { principal: identity });
        }
        target.made += 1;
        entries.set(identity, {
          tag: { secret: ctx.secret, rotation: ctx.rotationId },
          value: Buffer.from(openSecret(value)).toString(),
          isOn: true,
          madeAt: target.made,
          sessions: new Set(),
        });
      });
      return { identity };
    },
    probe: ask,
    verify: ask,
    usage: async (identity, ctx) => {
      try {
        return await target.over(line, ctx, 'read', () => {
          const sessions = [...(entries.get(identity)?.sessions ?? [])].filter(({ isOpen }) => isOpen).length;
          const ageMs = sessions === 0 ? null : 0;
          return { kind: 'known' as const, sessions, youngestAgeMs: ageMs, oldestAgeMs: ageMs };
        });
      } catch {
        return { kind: 'unknown', reason: 'no answer' };
      }
    },
    refusedLogins: async (identity, mark, ctx) => {
      try {
        return await target.over(line, ctx, 'read', () => {
          const since = mark === null ? [] : target.refused.slice(Number(mark));
          const from = since.includes(identity) ? ['192.0.2.1'] : [];
          return { kind: 'known' as const, mark: `${target.refused.length}`, from };
        });
      } catch {
        return { kind: 'unknown', reason: 'no answer' };
      }
    },
    raise: async (ctx) => change(ctx, () => {}),
    disable: async (identity, ctx) => {
      let endedSessions = 0;
      await change(ctx, () => {
        const entry = ours(identity, ctx);
        if (entry === undefined) return;
        entry.isOn = false;
        for (const session of entry.sessions) {
          if (session.isOpen) endedSessions += 1;
          session.isOpen = false;
        }
      });
      return { endedSessions };
    },
    enable: async (identity, ctx) =>
      change(ctx, () => {
        const entry = ours(identity, ctx);
        if (entry !== undefined) entry.isOn = true;
      }),
    destroy: async (identity, { createdBy }, ctx) =>
      change(ctx, () => {
        const entry = ours(identity, ctx);
        if (entry === undefined) return;
        if ((entry.tag?.rotation ?? null) !== createdBy) throw keyturnError('NOT_OURS', { identity });
        for (const session of entry.sessions) session.isOpen = false;
        entries.delete(identity);
      }),
    list: async (ctx) =>
      target.over(line, ctx, 'read', () =>
        [...entries].flatMap(([identity, { tag }]) =>
          tag === null || tag.secret !== ctx.secret ? [] : [{ identity, rotationId: tag.rotation, live: true }],
        ),
      ),
    close: async () => {},
  };
}

/** What a stub changes of what is sound. */
export interface Deviation {
  /** Of the connection; it is given the sound one to call where it does not deviate. */
  readonly connection?: (sound: Connection, config: SoundConfig) => Partial<Connection>;
  readonly capabilities?: Partial<Capabilities>;
  readonly classify?: () => 'unknown' | 'transient';
  /** Of the rotator itself. */
  readonly rotator?: Partial<Rotator<SoundConfig>>;
}

/** The harness of a rotator that is sound but for its deviation. It can make every case there is. */
export function harnessOf({
  connection,
  capabilities,
  classify,
  rotator: deviating,
}: Deviation = {}): RotatorHarness<SoundConfig> {
  const declared = { ...soundCapabilities, ...capabilities };
  const rotator = defineRotator<SoundConfig>({
    name: 'stub',
    contract: 1,
    config: configSchema,
    credential: { identity: 'id', value: 'value' },
    capabilities: () => declared,
    principal: () => 'memory/app',
    connect: (config) => {
      const sound = soundConnection(config);
      return { ...sound, ...connection?.(sound, config) };
    },
    classify: classify ?? (() => 'unknown'),
    ...deviating,
  });
  return {
    rotator,
    capabilities: declared,
    target: { name: 'a target in memory', isReal: false },
    begin: async () => {
      const target = new SoundTarget();
      const admin = Secret.fromText(randomBytes(24).toString('base64url'));
      const over = (line: Line): SoundConfig => ({ target, line, admin });
      return {
        config: over('plain'),
        unreachable: over('away'),
        hung: over('hung'),
        plantForeign: async (identity) => {
          const value = randomBytes(8).toString('hex');
          target.entries().set(identity, { tag: null, value, isOn: true, madeAt: 0, sessions: new Set() });
        },
        plantAdopted: async () => {
          const value = randomBytes(16).toString('hex');
          target.entries().set('by-hand', { tag: null, value, isOn: true, madeAt: 0, sessions: new Set() });
          return { identity: 'by-hand', value: Secret.fromText(value) };
        },
        isThere: async (identity) => target.entries().has(identity),
        accepts: async ({ identity, value }) => {
          const entry = target.entries().get(identity);
          return entry?.isOn === true && entry.value === Buffer.from(openSecret(value)).toString();
        },
        openSession: async ({ identity }) => {
          const session = { isOpen: true };
          target.entries().get(identity)?.sessions.add(session);
          return { isOpen: async () => session.isOpen };
        },
        losingAnswers: async () => ({ config: over('losing'), lost: () => target.lost }),
        refusals: {
          policy: async () => over('policy'),
          authority: async () => over('authority'),
          quota: async () => over('quota'),
        },
        end: async () => {},
      };
    },
  };
}
