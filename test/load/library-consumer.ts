import type { RequestListener } from 'node:http';
import {
  type HeldCredential,
  type LiveCredential,
  type LivePgPool,
  createCachedReader,
  createConsumer,
  followCredential,
  livePgPool,
  nodeHandler,
} from 'keyturn/consumer';
import pg from 'pg';
import { Secret, openSecret } from '../../src/core/secret.js';
import { type LoginPlace, codeOf } from '../../src/embedded/demo/login.js';
import { type LoadSecret, names, secretsOf } from './cast.js';
import { ConsumerCounts } from './consumer-counts.js';
import type { ConsumerCounters } from './consumer-protocol.js';
import { isRefusal, patientFields } from './login-attempt.js';
import { beginWork, poolSessions, queryOf } from './work.js';

/** What it works with. */
export interface LibraryConsumerParts {
  readonly name: string;
  /** `whsec_…` */
  readonly key: string;
  readonly target: LoginPlace;
  /** Reads the store by label or number; null: there is no such version. */
  readonly read: (secret: string, selector: 'current' | number) => Promise<{ version: number; value: Secret } | null>;
}

/** One secret of it, as the library follows it. */
interface Use {
  readonly secret: LoadSecret;
  readonly credential: LiveCredential;
  readonly pool: LivePgPool<pg.PoolClient>;
  /** The versions its pool has opened. */
  opened: number;
}

/**
 * An application as docs/consumers.md shows it: all that it knows of rotations is `keyturn/consumer`. Pools move to the new
 * version while queries go on, and fresh logins use what is current. What fails is counted and not tried again; a refused
 * login has one more look at `current`, which for pools the library takes.
 */
export class LibraryConsumer {
  readonly #parts: LibraryConsumerParts;
  readonly #uses: readonly Use[];
  readonly #counts = new ConsumerCounts();
  #work: readonly Promise<void>[] = [];
  readonly handle: RequestListener;
  #isStopping = false;
  #asked = 0;

  constructor(parts: LibraryConsumerParts) {
    this.#parts = parts;
    const reader = createCachedReader<string>({
      read: async (parameter) => {
        const [path = '', selector = ''] = parameter.split(':');
        const secret = `${names.environment}:${path}`;
        const found = await parts
          .read(secret, selector === 'current' ? selector : Number(selector))
          .catch((error: unknown) => {
            this.#counts.fail({ doing: 'a read of the store', code: codeOf(error), secret, version: null });
            throw error;
          });
        return found === null
          ? { value: undefined, version: undefined }
          : { value: Buffer.from(openSecret(found.value)).toString(), version: found.version };
      },
    });
    this.#uses = secretsOf(parts.name).map((secret) => this.#useOf(secret, reader));
    const consumer = createConsumer({
      key: parts.key,
      instance: `${parts.name}-${process.pid}`,
      environment: names.environment,
      secrets: Object.fromEntries(
        this.#uses.map(({ secret, credential }) => [
          secret.path,
          { credential, tryPending: (held: HeldCredential) => this.#tryPending(secret, held) },
        ]),
      ),
    });
    const handle = nodeHandler({
      answer: async (request) => {
        const answer = await consumer.answer(request);
        if (answer.status === 204) this.#counts.webhooks += 1;
        else if (answer.status === 200) this.#counts.challenges += 1;
        return answer;
      },
    });
    this.handle = (request, response) => void handle(request, response);
  }

  /** Begins to work with what `current` names. */
  async start(): Promise<void> {
    await Promise.all(this.#uses.map(({ credential }) => credential.current()));
    this.#work = beginWork({
      uses: this.#uses,
      query: (use) => this.#query(use),
      freshLogin: (use) => this.#freshLogin(use),
      isStopping: () => this.#isStopping,
    });
  }

  counters(): ConsumerCounters {
    return this.#counts.counters(this.#uses.filter(({ opened }) => opened > 0).length);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#work);
    for (const { pool, credential } of this.#uses) {
      await pool.end();
      credential.close();
    }
  }

  #useOf(secret: LoadSecret, reader: Parameters<typeof followCredential>[0]['reader']): Use {
    // Told by webhooks and by refused logins, never by the clock.
    const credential = followCredential({ reader, name: `${secret.path}:current`, pollMs: 0 });
    const pool = livePgPool<pg.PoolClient>({
      credential,
      open: (held) => {
        const made = new pg.Pool({ ...this.#fieldsOf(held), max: poolSessions, idleTimeoutMillis: 0 });
        return made.on('error', (error) => {
          if (!made.ending) this.#fail(secret, 'an idle session', error, held);
        });
      },
      onEvent: ({ kind }) => {
        if (kind === 'opened') {
          use.opened += 1;
          this.#counts.moves += 1;
        }
        if (kind === 'retried') this.#counts.refreshes += 1;
      },
    });
    const use: Use = { secret, credential, pool, opened: 0 };
    return use;
  }

  async #query({ secret, pool }: Use): Promise<void> {
    this.#asked += 1;
    const [text, values] = queryOf(secret, this.#asked);
    try {
      await pool.query(text, values);
      this.#counts.queries += 1;
    } catch (error) {
      this.#fail(secret, 'a query', error);
    }
  }

  async #freshLogin({ secret, credential }: Use): Promise<void> {
    try {
      const held = await credential.current();
      const first = await this.#logIn(held);
      const newer = first !== null && isRefusal(codeOf(first)) ? await credential.refused(held.version) : held;
      const isNewer = newer.version !== held.version;
      const failed = isNewer ? await this.#logIn(newer) : first;
      if (failed !== null) return this.#fail(secret, 'a fresh login', failed, newer);
      this.#counts.freshLogins += 1;
      if (isNewer) this.#counts.refreshes += 1;
    } catch (error) {
      // The store had nothing to log in with.
      this.#fail(secret, 'a fresh login', error);
    }
  }

  /** *Returns* why it failed; null: it did not. */
  async #logIn(held: HeldCredential): Promise<Error | null> {
    const client = new pg.Client(this.#fieldsOf(held)).on('error', () => undefined);
    try {
      await client.connect();
      await client.query('SELECT 1');
      return null;
    } catch (error) {
      return error instanceof Error ? error : new Error('a login failed', { cause: error });
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async #tryPending(secret: LoadSecret, held: HeldCredential): Promise<boolean> {
    const failed = await this.#logIn(held);
    if (failed === null) return true;
    if (!isRefusal(codeOf(failed))) throw failed;
    this.#fail(secret, 'a login with the pending version', failed, held);
    return false;
  }

  #fieldsOf(held: HeldCredential): pg.ClientConfig {
    return patientFields(this.#parts.target, {
      identity: held.get('username'),
      value: Secret.fromText(held.get('password')),
    });
  }

  #fail({ id }: LoadSecret, doing: string, error: unknown, held?: HeldCredential): void {
    this.#counts.fail({ doing, code: codeOf(error), secret: id, version: held?.version ?? null });
  }
}
