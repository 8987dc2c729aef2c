import pg from 'pg';
import type { Credential } from '../../src/core/credential.js';
import { type LoginPlace, codeOf } from '../../src/embedded/demo/login.js';
import { patientFields } from './login-attempt.js';
import { poolSessions } from './work.js';

/** One version of a credential in use: a pool of open sessions, and fresh logins beside it. Nothing is tried again. */
export class VersionInUse {
  readonly #fields: pg.ClientConfig;
  readonly #pool: pg.Pool;
  readonly #underWay = new Set<Promise<unknown>>();
  #isClosing = false;

  /** `onLost` is told of an idle session that ended under us. */
  constructor(
    readonly version: number,
    readonly credential: Credential,
    use: { readonly target: LoginPlace; readonly onLost: (code: string) => void },
  ) {
    this.#fields = patientFields(use.target, credential);
    // Its sessions stay open for as long as the version is used.
    this.#pool = new pg.Pool({ ...this.#fields, max: poolSessions, idleTimeoutMillis: 0 });
    this.#pool.on('error', (error) => {
      if (!this.#isClosing) use.onLost(codeOf(error));
    });
  }

  /** Asks something over an open session. */
  query(text: string, values: readonly unknown[]): Promise<void> {
    return this.#track(async () => void (await this.#pool.query(text, [...values])));
  }

  /** Logs in anew, asks one thing, and says goodbye. */
  freshLogin(): Promise<void> {
    return this.#track(async () => {
      const client = new pg.Client(this.#fields);
      client.on('error', () => {});
      try {
        await client.connect();
        await client.query('SELECT 1');
      } finally {
        await client.end().catch(() => {});
      }
    });
  }

  /** Lets what is under way end, then says goodbye to every session. No new work may come. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    this.#isClosing = true;
    await this.#pool.end();
  }

  async #track(work: () => Promise<void>): Promise<void> {
    const working = work();
    this.#underWay.add(working);
    try {
      await working;
    } finally {
      this.#underWay.delete(working);
    }
  }
}
