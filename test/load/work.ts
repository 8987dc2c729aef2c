import { setTimeout as delay } from 'node:timers/promises';
import type { LoadSecret } from './cast.js';

/** How long a consumer pauses between two queries, and between two fresh logins. Milliseconds. */
const pauses = { queryMs: 30, loginMs: 120 } as const;

/** Sessions of the pool of each secret. */
export const poolSessions = 3;

/** The query of this turn: it writes, or it reads. */
export function queryOf({ table }: LoadSecret, turn: number): readonly [text: string, values: unknown[]] {
  return turn % 2 === 0
    ? [`INSERT INTO ${table} (cents) VALUES ($1)`, [turn]]
    : [`SELECT id, cents FROM ${table} ORDER BY id DESC LIMIT 10`, []];
}

/** What a consumer does with each of its secrets in turn. */
export interface Work<Use> {
  readonly uses: readonly Use[];
  readonly query: (use: Use) => Promise<void>;
  readonly freshLogin: (use: Use) => Promise<void>;
  readonly isStopping: () => boolean;
}

/** Two queries at a time, and fresh logins beside them. *Returns* what settles once it has been stopped. */
export function beginWork<Use>({ uses, query, freshLogin, isStopping }: Work<Use>): readonly Promise<void>[] {
  const repeat = async (pauseMs: number, act: (use: Use) => Promise<void>): Promise<void> => {
    for (let turn = 0; !isStopping(); turn += 1) {
      const use = uses[turn % uses.length];
      if (use !== undefined) await act(use);
      await delay(pauseMs);
    }
  };
  return [repeat(pauses.queryMs, query), repeat(pauses.queryMs, query), repeat(pauses.loginMs, freshLogin)];
}
