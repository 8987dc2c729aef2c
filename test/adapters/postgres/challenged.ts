import { randomBytes } from 'node:crypto';
import { postgresAcks } from '../../../src/adapters/postgres/acks.js';
import { postgresChallenges } from '../../../src/adapters/postgres/challenges.js';
import { Secret } from '../../../src/core/secret.js';
import type { ChallengeSubject } from '../../../src/ports/challenges.js';
import type { Scope } from '../../../src/ports/step-ports.js';
import { Executor, planFor } from '../../../src/testing/journal-harness.js';
import { freshKeyring, scopeOf } from '../store/store-fixture.js';
import { freshState, harnessOf } from './state.js';

/** The subject of a challenge, where a test is not about it. */
export const drainOf7: ChallengeSubject = { phase: 'drain', version: 7 };

/** A nonce as the adapter makes them. */
export const freshNonce = (): string => randomBytes(24).toString('base64url');

/** What an ack says. */
export const saying = (words: object): { readonly said: Secret; readonly isRefusal: boolean } => ({
  said: Secret.fromText(JSON.stringify(words)),
  isRefusal: 'refused' in words,
});

/** A state database with one open rotation, whose consumers are asked. Everything works by the grants of a worker. */
export async function challengedState() {
  const state = await freshState();
  const keyring = await freshKeyring();
  const executor = await Executor.start(harnessOf(state), planFor('asked'));
  const parts = { pool: state.pool, keyring };
  const [challenges, acks] = [postgresChallenges(parts), postgresAcks(parts)];
  const scope: Scope = scopeOf('prod:/asked', 'asked-1', 1);
  const rowsOf = async (sql: string) => (await state.admin.query<Record<string, unknown>>(sql)).rows;
  return {
    ...state,
    ...{ keyring, executor, challenges, acks, scope, rowsOf },
    /** Issues a nonce. */
    async issued(consumer = 'web', about: ChallengeSubject = drainOf7, of: Scope = scope): Promise<string> {
      const nonce = freshNonce();
      await challenges.issue(of, about, [{ nonce, consumer }]);
      return nonce;
    },
    /** Takes an ack; `unknown`: nobody has issued the nonce. */
    async acked(nonce: string, words: object = { instance: 'web-1', proof: 'a proof' }) {
      const known = await acks.find(nonce);
      return known === null ? 'unknown' : acks.take(known, saying(words));
    },
    /** Lets so much of the database's time pass for every challenge: its clock is its own. */
    async age(seconds: number): Promise<void> {
      const by = `interval '${seconds} seconds'`;
      await state.admin.query(
        `UPDATE keyturn.challenges SET issued_at = issued_at - ${by}, judged_at = judged_at - ${by}`,
      );
    },
    audited: async () =>
      rowsOf(
        `SELECT environment, secret, rotation_id, principal, reason, facts FROM keyturn.audit WHERE action = 'ack' ORDER BY id`,
      ),
    counted: async (): Promise<Readonly<Record<string, number>>> =>
      Object.fromEntries((await state.metrics.read()).acks.map(({ outcome, count }) => [outcome, count])),
  };
}
