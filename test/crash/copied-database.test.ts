import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { withDatabase } from '../support/test-server.js';
import type { Rig } from './rig.js';
import { endsAsPromised, everyState, stoppedAt } from './surroundings.js';

/** One state of each step is enough: that a copy is one does not depend on where its rotations are. */
const states = everyState.filter(({ scenario, effect }) => scenario === 'success' && !effect.startsWith('journal'));

/** Copies the state beside the original. Nobody may be connected meanwhile. *Returns* the way to the copy. */
async function copyState(rig: Rig): Promise<string> {
  const [state, copy] = ['keyturn_state', 'keyturn_state_copied'];
  const client = new pg.Client(withDatabase(rig.straight.stateUrl, 'postgres'));
  await client.connect();
  try {
    await client.query(`ALTER DATABASE ${state} ALLOW_CONNECTIONS false`);
    await client.query('SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = $1', [state]);
    await client.query(`CREATE DATABASE ${copy} TEMPLATE ${state}`);
  } finally {
    await client.query(`ALTER DATABASE ${state} ALLOW_CONNECTIONS true`);
    await client.end();
  }
  return withDatabase(rig.straight.stateUrl, copy);
}

/** What a worker changes first: what it has taken, what it has written, and what it has declared or moved on. */
async function writtenIn(url: string): Promise<unknown> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<{ written: unknown }>(
      `SELECT jsonb_build_object(
         'journal', (SELECT count(*) FROM keyturn.journal), 'audit', (SELECT count(*) FROM keyturn.audit),
         'leases', (SELECT jsonb_agg(l ORDER BY l.secret) FROM keyturn.leases l),
         'secrets', (SELECT jsonb_agg(s ORDER BY s.secret) FROM keyturn.secrets s),
         'installation', (SELECT jsonb_agg(i) FROM keyturn.installation i)) AS written`,
    );
    return rows[0]?.written;
  } finally {
    await client.end();
  }
}

describe('a second installation from a copied database', () => {
  // F30: two would work on the same targets, and each would take the other for a person.
  it('refuses to start, touches nothing, and the first one goes on', { timeout: 600_000 }, async (context) => {
    const stopped = await stoppedAt(states, { queue: 'postgres' });
    const { rig, cases } = stopped;
    const stateUrl = await copyState(rig);
    const before = await writtenIn(stateUrl);
    const second = rig.process();

    const started = rig.worker({ installation: { ...rig.installation, stateUrl, queueUrl: stateUrl } }, second);

    await expect(started).rejects.toThrow('DATABASE_MOVED');
    expect(second.said.filter(({ kind }) => kind === 'called')).toEqual([]);
    expect(await writtenIn(stateUrl)).toEqual(before);
    stopped.goOn();
    await endsAsPromised(context, `state database copied, ${cases.length} rotations open, the copy refused`, stopped);
  });
});
