import type pg from 'pg';
import { calendar } from '../../src/adapters/cron/calendar.js';
import { localKeyring } from '../../src/adapters/local-keyring/local-keyring.js';
import { postgresStoreReader } from '../../src/adapters/postgres/store/versions.js';
import { loadConfig } from '../../src/config/load.js';
import { claimsFor, planFor, secretOf } from '../../src/config/plan.js';
import { type Credential, parseCredential } from '../../src/core/credential.js';
import { isOpen } from '../../src/core/rotation.js';
import { workflows } from '../../src/main/settings.js';
import { openState } from '../../src/main/state.js';
import type { RotationRow } from '../../src/ports/operations.js';
import { type LoadSecret, filesIn, names } from './cast.js';
import type { Ground } from './ground.js';
import { eventually } from '../support/eventually.js';
import { openPool } from '../support/pool.js';

const fields = { identity: 'username', value: 'password' };

/** The state of a run, read and asked from outside the workers. */
export interface StateView {
  /** What `current` names; null: nothing yet. */
  readonly current: (
    secret: LoadSecret,
  ) => Promise<{ readonly version: number; readonly credential: Credential } | null>;
  /** Asks for a rotation. *Returns* its id. */
  readonly ask: (secret: LoadSecret) => Promise<string>;
  /** The rotation once it has ended or is parked; undefined: not yet. */
  readonly ended: (rotationId: string) => Promise<RotationRow | undefined>;
  /** Who holds a lease now. */
  readonly leaseHolders: () => Promise<readonly string[]>;
  /** Any question to the state database, as its owner. */
  readonly rows: <Row extends pg.QueryResultRow>(text: string) => Promise<readonly Row[]>;
  readonly close: () => Promise<void>;
}

/**
 * Whoever looks on is no part of what is tried: where the machine is so busy that a session is not opened in time, they ask
 * again.
 */
async function patient<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  const { answer } = await eventually('the state database answers', async () => ({ answer: await ask() }), {
    maxMs: 60_000,
  });
  return answer;
}

/** Opens it, with the configuration of the run. */
export async function openStateView({ server, urls, configFile, janitor }: Ground): Promise<StateView> {
  const config = await loadConfig(configFile, { workflows, calendar: calendar() });
  const state = await openState(urls);
  const pool = openPool(server.url(names.stateDatabase), 4);
  const reader = postgresStoreReader({ pool, keyring: await localKeyring(filesIn(janitor.folder).key) });
  return {
    current: async ({ id }) => {
      const found = await reader.readCurrent(id);
      return found === null ? null : { version: found.version, credential: parseCredential(found.value, fields, id) };
    },
    ask: async ({ path }) => {
      const rotationId = state.newRotationId();
      const { environment } = names;
      const asked = {
        rotationId,
        trigger: 'demand',
        reason: 'load',
        requestedBy: 'local:load',
        repair: false,
      } as const;
      const plan = planFor({ config, environment, path, ...asked });
      // Asked twice, one rotation is accepted once.
      const accepted = await patient(() => state.accept(plan, claimsFor(secretOf(config, environment, path))));
      if (accepted.kind !== 'accepted') throw new Error(`a rotation of ${path} is ${accepted.kind}`);
      // What is not rung for now, because the queue is being flushed, the sweep finds.
      await state.ring(rotationId).catch(() => {});
      return rotationId;
    },
    ended: async (rotationId) => {
      const row = await patient(() => state.views.rotation(rotationId));
      return row === null || (isOpen(row.status) && row.status !== 'parked') ? undefined : row;
    },
    leaseHolders: async () => {
      const { rows } = await pool.query<{ holder: string }>(
        'SELECT holder FROM keyturn.leases WHERE NOT released AND expires_at > clock_timestamp()',
      );
      return rows.map(({ holder }) => holder);
    },
    rows: async <Row extends pg.QueryResultRow>(text: string) => (await pool.query<Row>(text)).rows,
    close: async () => {
      await state.close();
      await pool.end();
    },
  };
}
