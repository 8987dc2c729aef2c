import pg from 'pg';
import type { Credential } from '../../../core/credential.js';
import { type LoginPlace, codeOf, loginFields } from '../login.js';
import type { Tally } from './tally.js';

/** One version of the credential in use: a pool of its own, and logins beside it. Nothing is ever tried again. */
export class Holding {
  readonly #fields: pg.ClientConfig;
  readonly #pool: pg.Pool;
  readonly #tally: Tally;
  readonly #underWay = new Set<Promise<void>>();
  #isClosing = false;
  #asked = 0;

  constructor(
    readonly version: number,
    readonly credential: Credential,
    use: { readonly target: LoginPlace; readonly tally: Tally; readonly sessions: number },
  ) {
    this.#tally = use.tally;
    this.#fields = loginFields(use.target, credential);
    this.#pool = new pg.Pool({ ...this.#fields, max: use.sessions, application_name: 'billing' });
    this.#pool.on('error', (error) => {
      if (!this.#isClosing) use.tally.fail('an idle session', codeOf(error));
    });
  }

  /** Writes a payment, or reads the latest. */
  query(): Promise<void> {
    this.#asked += 1;
    const isPayment = this.#asked % 2 === 0;
    return this.#track('a query', async () => {
      if (isPayment) {
        await this.#pool.query('INSERT INTO payments (cents) VALUES ($1) RETURNING id', [this.#asked]);
        this.#tally.payments += 1;
      } else {
        await this.#pool.query('SELECT id, cents FROM payments ORDER BY id DESC LIMIT 10');
      }
      this.#tally.queries += 1;
    });
  }

  /** Logs in anew, asks one thing, and says goodbye. */
  freshLogin(): Promise<void> {
    return this.#track('a fresh login', async () => {
      const client = new pg.Client({ ...this.#fields, application_name: 'billing fresh' });
      client.on('error', () => {});
      try {
        await client.connect();
        await client.query('SELECT count(*) FROM payments WHERE id < 10');
      } finally {
        await client.end().catch(() => {});
      }
      this.#tally.freshLogins += 1;
    });
  }

  /** Lets what is under way finish, then says goodbye to every session. No new work may come. */
  async close(): Promise<void> {
    await Promise.all(this.#underWay);
    this.#isClosing = true;
    await this.#pool.end();
  }

  async #track(doing: string, work: () => Promise<void>): Promise<void> {
    const done = work().catch((error: unknown) => this.#tally.fail(doing, codeOf(error)));
    this.#underWay.add(done);
    await done;
    this.#underWay.delete(done);
  }
}
