import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { ssmClients } from '../src/adapters/aws/ssm-client.js';
import { ssmStore } from '../src/adapters/aws/ssm-store.js';
import { createKeyFile } from '../src/adapters/local-keyring/key-file.js';
import { localKeyring } from '../src/adapters/local-keyring/local-keyring.js';
import { createPool } from '../src/adapters/postgres/connection.js';
import { migrate } from '../src/adapters/postgres/migrate.js';
import { addAccessKey, postgresStoreAccess } from '../src/adapters/postgres/store/access.js';
import { postgresParameters } from '../src/adapters/postgres/store/parameters.js';
import { StoreRate } from '../src/adapters/postgres/store/rate.js';
import { postgresStoreSends } from '../src/adapters/postgres/store/sends.js';
import { newAccessKey } from '../src/core/access-key.js';
import { renderCredential } from '../src/core/credential.js';
import type { Plan } from '../src/core/plan.js';
import { defaultPolicy } from '../src/core/policy.js';
import { Secret, openSecret } from '../src/core/secret.js';
import { startEmbeddedPostgres } from '../src/embedded/postgres.js';
import { startStoreServer } from '../src/ssm-server/server.js';
import { withClient } from './rig.js';

// The puts of many rotations through the one bucket of a store, by four workers with ten of them each at one time, into our
// own server of the SSM protocol. How near to the arithmetic floor do they come, and do more arrive in any second than the
// rate and its burst? Run: npm run bench:store-rate -- [puts, 300] [puts a second, 3]

const puts = Number(process.argv[2] ?? 300);
const perSecond = Number(process.argv[3] ?? 3);
const workers = 4;
const width = 10;
const burst = 2;

const folder = await mkdtemp(join(tmpdir(), 'keyturn-bench-'));
const postgres = await startEmbeddedPostgres({ fsync: true, settings: { max_connections: '100' } });
const closers: (() => Promise<unknown>)[] = [() => postgres.stop(), () => rm(folder, { recursive: true })];
process.once('SIGTERM', () => process.exit(1));
process.once('SIGINT', () => process.exit(1));

/** A migrated database of its own. */
async function database(name: string): Promise<string> {
  await withClient(postgres.url('postgres'), (client) => client.query(`CREATE DATABASE ${name}`));
  await migrate(postgres.url(name));
  return postgres.url(name);
}

try {
  const keyFile = join(folder, 'keyturn.key');
  await createKeyFile(keyFile);
  const keyring = await localKeyring(keyFile);
  const outsideUrl = await database('outside');
  const stateUrl = await database('state');
  const outside = createPool(outsideUrl, { sessions: 10 });
  closers.unshift(() => outside.end());
  const arrivedMs: number[] = [];
  const parameters = postgresParameters({ pool: outside, keyring });
  const server = await startStoreServer({
    parameters: {
      ...parameters,
      put: (...args) => {
        arrivedMs.push(performance.now());
        return parameters.put(...args);
      },
    },
    access: postgresStoreAccess({ pool: outside, keyring }),
    address: '127.0.0.1',
    port: 0,
    tls: null,
    onError: (code) => process.stderr.write(`server: ${code}\n`),
  });
  closers.unshift(() => server.close());
  const { keyId, secret: key } = newAccessKey(randomBytes(64));
  const grants = [{ path: '/*', allow: ['read', 'write'] }] as const;
  const of = { environment: 'bench', principal: 'bench', by: 'bench', requestsPerSecond: 10_000 };
  await addAccessKey({ pool: outside, keyring }, { keyId, secret: key, grants, ...of });
  const credentials = { accessKeyId: keyId, secretAccessKey: new TextDecoder().decode(openSecret(key)) };

  const queue = Array.from({ length: puts }, (_, index) => index);
  let refused = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: workers }, async () => {
      const pool = createPool(stateUrl, { sessions: 12 });
      const clients = ssmClients({ region: 'eu-central-1', endpoint: server.url, credentials });
      closers.unshift(
        async () => clients.close(),
        () => pool.end(),
      );
      const rate = (what: string, rated: number) => new StoreRate(pool, { bucket: what, perSecond: rated });
      // Labels have a bucket of their own, and are not what is measured.
      const sends = postgresStoreSends(pool, { put: rate('put', perSecond), label: rate('label', 1_000) });
      const store = ssmStore({ clients, sends, keyring, keyId: 'alias/keyturn', prefix: '' });
      const lane = async (): Promise<void> => {
        for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
          const rotationId = randomUUID();
          const path = `/bench/${index}`;
          const secret = `bench:${path}`;
          const epoch = await leased(pool, { secret, path, rotationId });
          const plan = planOf({ rotationId, path, secret });
          const value = Secret.fromText(randomBytes(24).toString('base64url'));
          const document = renderCredential({ identity: 'app_a', value }, plan.fields);
          for (let isPut = false; !isPut; ) {
            const scope = { plan, step: 'stage', attempt: 1, fence: { era: 1, epoch, known: true } };
            const limits = { nowMs: Date.now(), signal: new AbortController().signal, deadlineMs: 20_000 };
            try {
              await store.putPending({ ...scope, ...limits }, document);
              isPut = true;
            } catch {
              // It waited for its turn as long as a call may; the engine would come again.
              refused += 1;
            }
          }
        }
      };
      await Promise.all(Array.from({ length: width }, lane));
    }),
  );
  const tookS = (performance.now() - started) / 1_000;
  const floorS = puts / perSecond;
  const most = Math.max(...arrivedMs.map((from) => arrivedMs.filter((at) => at >= from && at < from + 1_000).length));
  const lastS = ((arrivedMs.at(-1) ?? 0) - started) / 1_000;
  console.log(
    `${puts} puts, ${workers} workers, ${perSecond}/s: ${tookS.toFixed(1)} s; the last arrived after ${lastS.toFixed(1)} s`,
  );
  console.log(`floor ${floorS.toFixed(1)} s, ratio ${(tookS / floorS).toFixed(3)}`);
  console.log(`arrived ${arrivedMs.length}; in any one second at most ${most} (rate and burst: ${perSecond + burst})`);
  console.log(`turns that came too late for their call: ${refused}`);
} finally {
  for (const close of closers) await close();
}

/** Writes down that somebody holds the lease of this rotation. *Returns* its epoch. */
async function leased(
  pool: pg.Pool,
  { secret, path, rotationId }: { readonly secret: string; readonly path: string; readonly rotationId: string },
): Promise<number> {
  await pool.query("INSERT INTO keyturn.secrets (secret, environment, path, target) VALUES ($1, 'bench', $2, 'db')", [
    secret,
    path,
  ]);
  await pool.query(
    `INSERT INTO keyturn.rotations (rotation_id, secret, environment, workflow, workflow_number, trigger, status, reason,
                                    requested_by, requested_at, seq)
     VALUES ($1, $2, 'bench', 'staged-rotation', 1, 'demand', 'running', 'bench', 'bench', now(), 1)`,
    [rotationId, secret],
  );
  const { rows } = await pool.query<{ epoch: string }>(
    `INSERT INTO keyturn.leases (secret, rotation_id, environment, target, holder, epoch, expires_at)
     VALUES ($1, $2, 'bench', 'db', 'a worker', nextval('keyturn.epoch_seq'), clock_timestamp() + interval '1 hour')
     RETURNING epoch`,
    [secret, rotationId],
  );
  return Number(rows[0]?.epoch);
}

function planOf(of: Pick<Plan, 'rotationId' | 'path' | 'secret'>): Plan {
  return {
    ...of,
    environment: 'bench',
    workflow: { name: 'staged-rotation', number: 1 },
    target: 'db',
    rotator: 'bench',
    principal: of.path,
    config: {},
    capabilities: {
      overlap: 'two-live',
      origin: 'ours',
      fence: true,
      disable: true,
      usage: true,
      endsSessions: true,
      list: true,
      settleMs: 0,
    },
    storeSettleMs: 360_000,
    fields: { identity: 'username', value: 'password' },
    policy: defaultPolicy,
    consumers: [],
    trigger: 'demand',
    reason: 'bench',
    requestedBy: 'local:bench',
    repair: false,
    adopted: false,
  };
}
