import type pg from 'pg';
import { createPool } from '../adapters/postgres/connection.js';
import { postgresLeases } from '../adapters/postgres/leases.js';
import { postgresOperations } from '../adapters/postgres/operations.js';
import { postgresViews } from '../adapters/postgres/views.js';
import type { Orphans } from '../cli/doors.js';
import type { Config, SecretConfig } from '../config/config.js';
import { secretOf } from '../config/plan.js';
import type { Tagged } from '../core/observation.js';
import { type OrphanParts, destroyOrphan, lookForOrphans } from '../engine/orphans.js';
import type { Scope } from '../ports/step-ports.js';
import { openKeyring } from './keyring.js';
import type { Variables } from './settings.js';
import { assertUsable } from './state.js';
import { lookingScope, openStores } from './stores.js';
import { targetsOf } from './targets.js';

/** How long the questions about one secret may take. Milliseconds. */
const lookMaxMs = 20_000;

const silent = { debug: () => {}, warn: () => {} };

/** Looks for orphans for a person: of each secret in turn, whatever became of the one before. */
export async function openOrphans(given: {
  readonly variables: Variables;
  readonly config: Config;
  readonly url: string;
}): Promise<Orphans> {
  const { config } = given;
  const pool = createPool(given.url, { sessions: 2 });
  const closers: (() => unknown)[] = [() => pool.end()];
  const close = async (): Promise<void> => {
    for (const each of closers.splice(0).reverse()) await each();
  };
  try {
    await assertUsable(pool);
    const stores = await openStores({ config, pool, keyring: await openKeyring(config, pool) });
    closers.push(() => stores.close());
    const targets = targetsOf({ ...given, stores, log: silent, report: () => {} });
    closers.push(() => targets.close());
    return opened(config, pool, orphanParts(pool, { store: stores.port, target: targets.port }), close);
  } catch (error) {
    await close();
    throw error;
  }
}

function opened(config: Config, pool: pg.Pool, parts: OrphanParts, close: () => Promise<void>): Orphans {
  return {
    look: (secret) => lookForOrphans(lookingScope(config, secret, lookMaxMs), parts),
    destroy: async ({ environment, path, identity, by, reason }) => {
      const secret = secretOf(config, environment, path);
      const operations = postgresOperations(pool);
      const record = (orphan: Tagged, phase: 'intended' | 'done'): Promise<void> =>
        operations.orphan({ secret: secret.id, by, reason, phase, identity, rotationId: orphan.rotationId });
      return destroyOrphan(await destroyingScope(pool, config, secret), identity, { ...parts, record });
    },
    close,
  };
}

/** The ports of {@link lookForOrphans}. */
export function orphanParts(pool: pg.Pool, ports: Pick<OrphanParts, 'store' | 'target'>): OrphanParts {
  return {
    ...ports,
    newest: async (secret) => (await postgresViews(pool).rotations({ secret, limit: 1 }))[0] ?? null,
  };
}

/** For the sweep: what one look has found; [] where it could say nothing. */
export async function sweptOrphans(
  config: Config,
  secret: SecretConfig,
  parts: OrphanParts,
): Promise<readonly Tagged[]> {
  const look = await lookForOrphans(lookingScope(config, secret, lookMaxMs), parts);
  return look.kind === 'looked' ? look.orphans : [];
}

/** A target that can fence refuses what is older than its token: the newest epoch there is speaks for a person. */
async function destroyingScope(pool: pg.Pool, config: Config, secret: SecretConfig): Promise<Scope> {
  const newest = await postgresLeases(pool).newest();
  return { ...lookingScope(config, secret, lookMaxMs), fence: { ...newest, known: false } };
}
