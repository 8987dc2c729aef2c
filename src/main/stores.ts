import type pg from 'pg';
import type { SsmExamined } from '../adapters/aws/ssm-examine.js';
import { noteFirst, personStoreSends } from '../adapters/postgres/store/first-outside.js';
import { putInitial } from '../adapters/postgres/store/put-by-person.js';
import { StoreRate } from '../adapters/postgres/store/rate.js';
import { postgresStoreSends } from '../adapters/postgres/store/sends.js';
import { postgresStore } from '../adapters/postgres/store/store.js';
import {
  type Config,
  type EnvironmentConfig,
  type SecretConfig,
  type SsmStoreConfig,
  parameterNames,
} from '../config/config.js';
import { environmentOf, planFor } from '../config/plan.js';
import { rateOf } from '../config/shared-rates.js';
import { keyturnError } from '../core/errors.js';
import type { Finding } from '../core/observation.js';
import type { Secret } from '../core/secret.js';
import type { Keyring } from '../ports/keyring.js';
import type { Bound, Scope, StorePort } from '../ports/step-ports.js';
import type { StoreSends } from '../ports/store-sends.js';
import { newRotationId } from './state.js';

/** What stores are opened with. */
export interface StoresParts {
  readonly config: Config;
  readonly pool: pg.Pool;
  readonly keyring: Keyring;
}

/** The store of every environment, behind one port. */
export interface Stores {
  readonly port: Bound<StorePort>;
  /** Lets go of connections. *Repeat*: harmless. */
  readonly close: () => void;
}

/** Opens the stores that are configured; what only one of them needs is loaded only then. */
export async function openStores({ config, pool, keyring }: StoresParts): Promise<Stores> {
  const builtIn = postgresStore({ pool, keyring });
  const outside = new Map<string, Bound<StorePort>>();
  const closers: (() => void)[] = [];
  for (const { name, store } of Object.values(config.environments)) {
    if (store.kind === 'built-in') continue;
    const open = await storeFor(store);
    const ssm = await ssmParts(store, postgresStoreSends(pool, ratesOf(pool, store)));
    closers.push(() => ssm.clients.close());
    outside.set(name, open({ ...ssm, keyring }));
  }
  const storeOf = ({ plan }: Scope): Bound<StorePort> => {
    const store = outside.get(plan.environment);
    // A rotation goes on where it began: its versions are there, and its plan knows for how long a write may arrive.
    if (plan.storeSettleMs > 0 !== (store !== undefined))
      throw keyturnError('STORE_DENIED', { action: `the rotation ${plan.rotationId}, which began in another store` });
    return store ?? builtIn;
  };
  return {
    port: {
      read: (scope, selector) => storeOf(scope).read(scope, selector),
      preflight: (scope, current) => storeOf(scope).preflight(scope, current),
      putPending: (scope, value) => storeOf(scope).putPending(scope, value),
      moveCurrent: (scope, move) => storeOf(scope).moveCurrent(scope, move),
      retirePending: (scope, version) => storeOf(scope).retirePending(scope, version),
    },
    close: () => {
      for (const each of closers.splice(0)) each();
    },
  };
}

async function storeFor({ staging }: SsmStoreConfig) {
  if (staging === 'shadow') return (await import('../adapters/aws/ssm-shadow.js')).shadowStore;
  return (await import('../adapters/aws/ssm-store.js')).ssmStore;
}

/** How long a person waits for a put. Milliseconds. */
const personMaxMs = 20_000;

/** Puts the first version of a secret into the store of its environment, labelled `current`, with its audit row. */
export async function putFirst(
  { config, pool, keyring }: StoresParts,
  { secret, value, by }: { readonly secret: SecretConfig; readonly value: Secret; readonly by: string },
): Promise<{ readonly version: number }> {
  const { store } = environmentOf(config, secret.environment);
  const reason = 'put by a person';
  if (store.kind === 'built-in') return putInitial({ pool, keyring }, { secret: secret.id, value, by, reason });
  const { ssmPutFirst, shadowPutFirst } = await import('../adapters/aws/ssm-first.js');
  const put = store.staging === 'shadow' ? shadowPutFirst : ssmPutFirst;
  const sends = personStoreSends(pool, postgresStoreSends(pool, ratesOf(pool, store)));
  const scope = lookingScope(config, secret, personMaxMs);
  // It is refused before anything is read: a secret that is being rotated is no business of a person's.
  const nowMs = (await sends.admit(scope, 'put')) ?? 0;
  const parts = await ssmParts(store, sends);
  try {
    const version = await put({ ...parts, keyring }, { ...scope, nowMs }, value);
    await noteFirst(pool, { secret: secret.id, version, by, reason });
    return { version };
  } finally {
    parts.clients.close();
  }
}

/** How long one question of an examination waits for its turn, while workers are busy. Milliseconds. */
const turnMaxMs = 60_000;

/** What would make a rotation in the store of this environment fail. Nothing is written there. */
export async function examineStore(pool: pg.Pool, environment: EnvironmentConfig): Promise<readonly Finding[]> {
  const { examineSsm } = await import('../adapters/aws/ssm-examine.js');
  return ofStore(pool, environment, examineSsm);
}

/** What a put into the store of this environment would fail for. Puts a parameter that nobody reads. */
export async function tryStore(pool: pg.Pool, environment: EnvironmentConfig): Promise<readonly Finding[]> {
  const { tryPuts } = await import('../adapters/aws/ssm-try-put.js');
  return ofStore(pool, environment, tryPuts);
}

async function ofStore(
  pool: pg.Pool,
  { store, secrets }: EnvironmentConfig,
  examine: (examined: SsmExamined) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  if (store.kind === 'built-in') return [];
  const rates = ratesOf(pool, store);
  const { clients } = await ssmParts(store, postgresStoreSends(pool, rates));
  const { signal } = new AbortController();
  try {
    const { rows } = await pool.query<{ ms: number }>('SELECT keyturn.to_ms(clock_timestamp()) AS ms');
    const names = Object.keys(secrets).map((path) => {
      const [versions = path, mirror = null] = parameterNames(store, path);
      return { path, versions, mirror };
    });
    return await examine({
      clients,
      keyId: store.key,
      names,
      databaseMs: rows[0]?.ms ?? 0,
      turn: (what) => rates[what].turn({ urgent: false, maxWaitMs: turnMaxMs, signal }),
    });
  } finally {
    clients.close();
  }
}

/** The scope of somebody who looks, or puts by hand: no lease stands behind it. */
export function lookingScope(config: Config, { environment, path }: SecretConfig, maxMs: number): Scope {
  const asked = { trigger: 'demand', reason: 'a look', requestedBy: 'keyturn', repair: false } as const;
  return {
    plan: planFor({ config, environment, path, rotationId: newRotationId(), ...asked }),
    step: 'look',
    attempt: 1,
    fence: { era: 0, epoch: 0, known: true },
    nowMs: 0,
    signal: AbortSignal.timeout(maxMs),
    deadlineMs: maxMs,
  };
}

async function ssmParts({ region, endpoint, key: keyId, prefix }: SsmStoreConfig, sends: StoreSends) {
  const { ssmClients } = await import('../adapters/aws/ssm-client.js');
  return { clients: ssmClients({ region, endpoint }), sends, keyId, prefix };
}

/** One bucket for puts and one for labels, shared by every environment and worker of an account and region. */
function ratesOf(pool: pg.Pool, store: SsmStoreConfig) {
  const { putsPerSecond: perSecond } = store;
  return {
    put: new StoreRate(pool, { bucket: `${rateOf(store)} put`, perSecond }),
    label: new StoreRate(pool, { bucket: `${rateOf(store)} label`, perSecond }),
  };
}
