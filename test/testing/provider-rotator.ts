import { randomBytes } from 'node:crypto';
import {
  type Capabilities,
  type Connection,
  type RotatorContext,
  Secret,
  defineRotator,
  keyturnError,
  openSecret,
} from 'keyturn/rotator';
import type { RotatorHarness } from 'keyturn/testing';
import { z } from 'zod';

/** A key of the provider. Ids are its own, and so are values. */
interface Key {
  readonly value: string;
  /** Where one may name a key. */
  readonly note: string;
  /** Set when it was deleted: it is still accepted for a while. By the process's clock, milliseconds. */
  deletedAtMs: number | null;
}

class Provider {
  readonly #keys = new Map<string, Key>();
  #last = 0;

  /** Not a property: whoever prints a configuration finds no values. */
  keys(): Map<string, Key> {
    return this.#keys;
  }

  make(note: string): { readonly id: string; readonly value: string } {
    this.#last += 1;
    const made = { id: `key_${this.#last}`, value: randomBytes(24).toString('base64url') };
    this.#keys.set(made.id, { value: made.value, note, deletedAtMs: null });
    return made;
  }
}

const configSchema = z.strictObject({ provider: z.instanceof(Provider), isAway: z.boolean() });

type Config = z.infer<typeof configSchema>;

/** What an account of which nobody else makes keys lets a rotator say beside its capabilities. */
interface Further {
  readonly exclusive?: boolean;
  readonly propagationMs: number;
}

/** How long a deleted key is still accepted. Milliseconds. */
const PROPAGATION_MS = 300;

/**
 * A sound rotator of a provider that chooses identity and value, and goes on accepting what was deleted for a while. With
 * `exclusive` the provider keeps no note: whatever is new on the account since the proposal is ours.
 */
export function providerHarness({ exclusive }: { readonly exclusive: boolean }): RotatorHarness<Config> {
  const capabilities: Capabilities & Further = {
    overlap: 'two-live',
    origin: 'provider',
    fence: false,
    disable: false,
    usage: false,
    endsSessions: false,
    list: true,
    settleMs: 1_000,
    propagationMs: PROPAGATION_MS,
    ...(exclusive ? { exclusive } : {}),
  };
  const rotator = defineRotator<Config>({
    name: 'provider',
    contract: 1,
    config: configSchema,
    credential: { identity: 'id', value: 'key' },
    capabilities: () => capabilities,
    principal: () => 'account',
    connect: (config) => connect(config, exclusive),
    classify: () => 'unknown',
  });
  return {
    rotator,
    capabilities,
    target: { name: `a provider in memory${exclusive ? ', exclusive' : ''}`, isReal: false },
    begin: async () => {
      const provider = new Provider();
      // The key by which we administer the account.
      provider.make('admin');
      return {
        config: { provider, isAway: false },
        unreachable: { provider, isAway: true },
        plantForeign: async () => provider.make('somebody else').id,
        isThere: async (id) => provider.keys().get(id)?.deletedAtMs === null,
        accepts: async ({ value }) =>
          [...provider.keys().values()].some(
            (key) =>
              key.value === Buffer.from(openSecret(value)).toString() &&
              (key.deletedAtMs === null || performance.now() < key.deletedAtMs + PROPAGATION_MS),
          ),
        openSession: async () => ({ isOpen: async () => false }),
        end: async () => {},
      };
    },
  };
}

function connect({ provider, isAway }: Config, exclusive: boolean): Connection {
  const keys = provider.keys();
  const reach = async (ctx: RotatorContext): Promise<void> => {
    ctx.signal.throwIfAborted();
    await new Promise(setImmediate);
    ctx.signal.throwIfAborted();
    if (isAway) throw keyturnError('TARGET_UNREACHABLE', { endpoint: 'account' });
  };
  const noteOf = ({ secret, rotationId }: RotatorContext): string => `${secret}#${rotationId}`;
  const live = (): readonly (readonly [string, Key])[] => [...keys].filter(([, key]) => key.deletedAtMs === null);
  const remove = (id: string): void => {
    const key = keys.get(id);
    if (key !== undefined) key.deletedAtMs ??= performance.now();
  };
  const ask: Connection['probe'] = async ({ value }, ctx) => {
    try {
      await reach(ctx);
    } catch {
      return [{ endpoint: 'account', answer: 'unknown' }];
    }
    const text = Buffer.from(openSecret(value)).toString();
    const found = [...keys.values()].find((key) => key.value === text);
    const deletedAtMs = found?.deletedAtMs ?? Number.POSITIVE_INFINITY;
    const isGone = performance.now() - deletedAtMs > PROPAGATION_MS / 2;
    return [{ endpoint: 'account', answer: found === undefined || isGone ? 'refused' : 'accepted' }];
  };
  return {
    preflight: async (_current, ctx) => {
      await reach(ctx);
      return [];
    },
    identify: async (ctx) => {
      await reach(ctx);
      return { system: 'account' };
    },
    propose: async (_current, ctx) => {
      await reach(ctx);
      // What is there now is not of this rotation; the engine keeps the list with the proposal.
      const existing = exclusive ? { existing: live().map(([id]) => id) } : {};
      return { identity: `new-${ctx.rotationId}`, ...existing };
    },
    create: async (proposal, ctx) => {
      await reach(ctx);
      const { existing = [] } = proposal as { readonly existing?: readonly string[] };
      // Half-made ones of this rotation: nobody has their value.
      const spare = live().filter(([id, { note }]) => (exclusive ? !existing.includes(id) : note === noteOf(ctx)));
      for (const [id] of spare) remove(id);
      await reach(ctx);
      const { id, value } = provider.make(exclusive ? '' : noteOf(ctx));
      return { identity: id, value: Secret.fromText(value) };
    },
    probe: ask,
    verify: ask,
    usage: async () => ({ kind: 'unknown', reason: 'the provider does not tell' }),
    raise: async () => {},
    disable: async () => ({ endedSessions: 0 }),
    enable: async () => {},
    destroy: async (identity, { createdBy }, ctx) => {
      await reach(ctx);
      const key = keys.get(identity);
      if (key === undefined || key.deletedAtMs !== null) return;
      if (!exclusive && key.note !== `${ctx.secret}#${createdBy}`) throw keyturnError('NOT_OURS', { identity });
      remove(identity);
    },
    list: async (ctx) => {
      await reach(ctx);
      return live().flatMap(([identity, { note }]) => {
        const [secret, rotation] = note.split('#');
        // Without a note nobody knows which rotation made it.
        if (exclusive) return [{ identity, rotationId: null as unknown as string, live: true }];
        return secret === ctx.secret ? [{ identity, rotationId: rotation ?? '', live: true }] : [];
      });
    },
    close: async () => {},
  };
}
