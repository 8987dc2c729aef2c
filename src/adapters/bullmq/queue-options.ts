import type { LoginSource } from '../../ports/login.js';
import { connectQueue } from './queue-backend.js';
import type { QueueBackend } from './queue-backend.js';
import { parseQueueUrl } from './queue-url.js';

/** What both ends of the queue are made with. */
export interface QueueOptions {
  /** `redis://`, `rediss://` or `postgres://`. */
  readonly url: string;
  /** Who says as whom to log in to a PostgreSQL, in place of the URL. */
  readonly login?: LoginSource | undefined;
  /** Told once for each new trouble, by the name of the error only: `ECONNREFUSED`, `42P01`, `DATABASE_UNMIGRATED`. */
  readonly onError: (name: string) => void;
  /** Keeps installations apart that share a Redis. Default `keyturn`. */
  readonly prefix?: string;
  /** How often the server is asked whether it is there. Milliseconds. Default 5,000. */
  readonly checkEveryMs?: number;
  /** First and longest wait before building anew. Milliseconds. Default 100 and 10,000. */
  readonly backoffMs?: { readonly first: number; readonly longest: number };
}

/** Whether the queue can be used now. `down` delays work until the sweep finds it; nothing is lost. */
export type QueueHealth = 'ready' | 'down';

/** The options with their defaults, and the way to a server. *Errors* `SETTING_INVALID`. */
export function prepared({ url, login, onError, ...given }: QueueOptions): {
  readonly connect: (doubt: (error: unknown) => void) => Promise<QueueBackend>;
  readonly watch: {
    readonly onError: (name: string) => void;
    readonly checkEveryMs: number;
    readonly backoffMs: { readonly first: number; readonly longest: number };
  };
} {
  const server = parseQueueUrl(url);
  const prefix = given.prefix ?? 'keyturn';
  return {
    connect: async (doubt) => connectQueue({ server, login, prefix, onError: doubt }),
    watch: {
      onError,
      checkEveryMs: given.checkEveryMs ?? 5_000,
      backoffMs: given.backoffMs ?? { first: 100, longest: 10_000 },
    },
  };
}
