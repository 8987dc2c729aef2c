import pg from 'pg';
import { onTestFinished } from 'vitest';
import { eventually } from '../../support/eventually.js';
import type { State } from './state.js';

/** A transaction that somebody is in the middle of. It is let go of with the test at the latest. */
export async function inTheMiddle(state: State): Promise<pg.Client> {
  const client = new pg.Client(state.url);
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('BEGIN');
  return client;
}

/** Resolves once so many sessions wait for others. Asked from outside: a transaction sees the sessions of one moment. */
export async function waiting(state: State, sessions = 1): Promise<void> {
  await eventually(`${sessions} wait`, async () => {
    const { rowCount } = await state.admin.query(
      'SELECT FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0',
    );
    return rowCount === sessions;
  });
}
