import type { HeldCredential } from './held-credential.js';
import type { LiveCredential } from './live-credential.js';

/** The parts of a client of `ioredis` that are used. */
interface RedisClient {
  connect(): Promise<unknown>;
  /** Ends it when what was asked has been answered. */
  quit(): Promise<unknown>;
  disconnect(): void;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  off(event: 'error', listener: (error: unknown) => void): unknown;
}

/** What a live client is made of. */
export interface LiveRedisOptions<R> {
  readonly credential: LiveCredential;
  /** Makes a client that logs in with this credential and waits to be connected: `lazyConnect: true`. */
  readonly open: (held: HeldCredential) => R;
}

/** One client of `ioredis`, which is another one after the credential has changed. */
export interface LiveRedis<R> {
  /**
   * The client to use now: ask for it whenever you use it, and keep none. While a new one connects the old one serves.
   * *Errors*: those of the first connection.
   */
  client(): Promise<R>;
  /**
   * Waits until it uses the newest version. *Returns* which one that is: for `createConsumer`, that proves no other.
   * *Errors*: those of the connection.
   */
  moved(): Promise<number>;
  /** Ends what is connected when what was asked has been answered. *Repeat*: nothing. */
  end(): Promise<void>;
}

/** One version's client. */
interface Connected<R> {
  readonly version: number;
  readonly client: R;
}

/**
 * A client of `ioredis` that follows a credential. A login that is refused asks the store, and is tried once more where
 * the store has another version by then.
 *
 *     const redis = liveRedis({
 *       credential,
 *       open: (held) => new Redis({ host, username: held.get('username'), password: held.get('password'), lazyConnect: true }),
 *     });
 *     await (await redis.client()).get('key');
 */
export function liveRedis<R extends RedisClient>({ credential, open }: LiveRedisOptions<R>): LiveRedis<R> {
  let now: Connected<R> | undefined;
  let moving: Promise<Connected<R>> | undefined;
  let isEnded = false;

  // A moment later: whoever was given it just now has a command for it.
  const retire = (client: R): void => {
    setImmediate(() => {
      // One that is away would try its old login for ever.
      client.quit().catch(() => client.disconnect());
    });
  };
  const connect = async (held: HeldCredential): Promise<Connected<R>> => {
    const client = open(held);
    // A refused login is told here; the connection is then closed, and `connect` says only that.
    let told: unknown;
    const hear = (error: unknown): void => {
      told = error;
    };
    client.on('error', hear);
    try {
      await client.connect();
    } catch (error) {
      client.disconnect();
      // The error of the library holds the command, and with it the password.
      throw isRefused(told) ? new Error(told.message) : error;
    } finally {
      client.off('error', hear);
    }
    return { version: held.version, client };
  };
  const connectNewest = async (): Promise<Connected<R>> => {
    const held = await credential.current();
    try {
      return await connect(held);
    } catch (error) {
      if (!isRefused(error)) throw error;
      const next = await credential.refused(held.version);
      if (next.version === held.version) throw error;
      return connect(next);
    }
  };
  const move = async (): Promise<Connected<R>> => {
    for (;;) {
      const next = await connectNewest();
      if (isEnded) {
        next.client.disconnect();
        throw ended();
      }
      const before = now;
      now = next;
      if (before !== undefined) retire(before.client);
      // It may have changed once more meanwhile.
      if ((await credential.current()).version === next.version) return next;
    }
  };
  /** Those who ask meanwhile share one connection. */
  const moved = async (): Promise<Connected<R>> => {
    moving ??= move().finally(() => (moving = undefined));
    return moving;
  };
  const stop = credential.onChange((held) => {
    // Where it does not connect the old one serves, and is tried anew when somebody asks for the client.
    if (now !== undefined && now.version !== held.version) void moved().catch(() => undefined);
  });

  return {
    moved: async () => {
      if (isEnded) throw ended();
      const held = await credential.current();
      return now?.version === held.version ? held.version : (await moved()).version;
    },
    client: async () => {
      if (isEnded) throw ended();
      const held = await credential.current();
      if (now === undefined) return (await moved()).client;
      if (now.version !== held.version) void moved().catch(() => undefined);
      return now.client;
    },
    end: async () => {
      isEnded = true;
      stop();
      const last = now;
      now = undefined;
      await last?.client.quit().catch(() => last.client.disconnect());
    },
  };
}

const ended = (): Error => new Error('the client has ended');

/** Wrong password or unknown user, as Redis says it. */
const isRefused = (error: unknown): error is Error =>
  error instanceof Error && /^(?:WRONGPASS|NOAUTH)\b/.test(error.message);
