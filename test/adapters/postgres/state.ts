import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { onTestFinished } from 'vitest';
import { createPool } from '../../../src/adapters/postgres/connection.js';
import { postgresDeliveries } from '../../../src/adapters/postgres/deliveries.js';
import { postgresDeliveryLog } from '../../../src/adapters/postgres/delivery-log.js';
import { postgresIntake } from '../../../src/adapters/postgres/intake.js';
import { postgresJournal } from '../../../src/adapters/postgres/journal.js';
import { postgresLeases } from '../../../src/adapters/postgres/leases.js';
import { postgresMetrics } from '../../../src/adapters/postgres/metrics.js';
import { migrate } from '../../../src/adapters/postgres/migrate.js';
import { postgresOperations } from '../../../src/adapters/postgres/operations.js';
import { postgresRegistry } from '../../../src/adapters/postgres/registry.js';
import { postgresSweep } from '../../../src/adapters/postgres/sweep.js';
import { postgresViews } from '../../../src/adapters/postgres/views.js';
import type { Deliveries, Delivery, DeliveryResult, DeliveryTry } from '../../../src/ports/operations.js';
import type { JournalHarness } from '../../../src/testing/journal-harness.js';
import { freshDatabase } from '../../support/postgres.js';
import { askSuperuser } from '../../support/superuser.js';
import type { PostgresMajor } from '../../support/test-server.js';

/** A migrated database of one test, seen by a worker's role with no more than its grants, and by the superuser. */
export async function freshState(major: PostgresMajor = 18) {
  const database = await freshDatabase({ major, migrated: true });
  const role = `keyturn_app_${randomBytes(6).toString('hex')}`;
  const admin = createPool(database.url, { sessions: 2 });
  await askSuperuser(database.url, `CREATE ROLE ${role} LOGIN PASSWORD '${role}'`);
  await migrate(database.url, { appRole: role });
  const url = new URL(database.url);
  url.username = role;
  url.password = role;
  const pool = createPool(url.href);
  onTestFinished(async () => {
    await pool.end();
    await admin.end();
    await database.drop();
    await askSuperuser(database.url, `DROP ROLE ${role}`);
  });
  return { url: database.url, appUrl: url.href, role, admin, pool, ...adapters(pool) };
}

function adapters(pool: pg.Pool) {
  return {
    journal: postgresJournal(pool),
    intake: postgresIntake(pool),
    leases: postgresLeases(pool),
    operations: postgresOperations(pool),
    registry: postgresRegistry(pool),
    sweep: postgresSweep(pool),
    views: postgresViews(pool),
    deliveries: oneByOne(postgresDeliveries(pool)),
    deliveryLog: postgresDeliveryLog(pool),
    metrics: postgresMetrics(pool),
  };
}

/** The outbox of webhooks, for tests that look at one at a time; `together` is the port. */
function oneByOne(together: Deliveries) {
  return {
    together,
    async take(deliveryId: string, forMs: number): Promise<Delivery | null> {
      const [taken] = await together.take({ deliveryIds: [deliveryId], others: 0, forMs });
      return taken ?? null;
    },
    async record(delivery: DeliveryTry['delivery'], how: Omit<DeliveryTry, 'delivery'>): Promise<DeliveryResult> {
      const [result] = await together.record([{ delivery, ...how }]);
      if (result === undefined) throw new TypeError('there is a result for each try');
      return result;
    },
  };
}

export type State = Awaited<ReturnType<typeof freshState>>;

/** The harness of the journal's cases. Time passes by moving what is stored into the past: the server's clock is its own. */
export function harnessOf(state: State): JournalHarness {
  const { admin } = state;
  return {
    ...state,
    async pass(ms) {
      const by = `interval '1 millisecond' * ${ms}`;
      await admin.query(`UPDATE keyturn.leases SET expires_at = expires_at - ${by}`);
      await admin.query(`UPDATE keyturn.rotations SET due_at = due_at - ${by}, rung_at = rung_at - ${by}`);
      await admin.query(`UPDATE keyturn.targets SET probe_at = probe_at - ${by}`);
      await admin.query(`UPDATE keyturn.webhook_endpoints SET rests_until = rests_until - ${by}`);
      await admin.query(
        `UPDATE keyturn.deliveries SET next_at = next_at - ${by}, rung_at = rung_at - ${by}, taken_until = taken_until - ${by}, wanted_at = wanted_at - ${by}`,
      );
      await admin.query(
        `UPDATE keyturn.secrets SET next_due_at = next_due_at - ${by}, next_audit_at = next_audit_at - ${by}, audit_until = audit_until - ${by}`,
      );
    },
    async bound({ environment, target, concurrency }) {
      await state.registry.declare({
        environment,
        secrets: [],
        targets: [{ environment, target, concurrency }],
        endpoints: [],
      });
    },
    async sealedSlots(rotationId) {
      const { rows } = await admin.query<{ slot: string }>(
        'SELECT slot FROM keyturn.sealed_values WHERE rotation_id = $1 ORDER BY slot',
        [rotationId],
      );
      return rows.map(({ slot }) => slot);
    },
  };
}
