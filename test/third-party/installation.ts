import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiKeySettings } from 'keyturn/rotators/api-key';
import apiKey from 'keyturn/rotators/api-key';
import pg from 'pg';
import { migrateQueue } from '../../src/adapters/bullmq/migrate-queue.js';
import { calendar } from '../../src/adapters/cron/calendar.js';
import { createKeyFile } from '../../src/adapters/local-keyring/key-file.js';
import { localKeyring } from '../../src/adapters/local-keyring/local-keyring.js';
import { createPool } from '../../src/adapters/postgres/connection.js';
import { migrate } from '../../src/adapters/postgres/migrate.js';
import { putInitial } from '../../src/adapters/postgres/store/put-by-person.js';
import { postgresStoreReader } from '../../src/adapters/postgres/store/versions.js';
import { defineConfig } from '../../src/config/define.js';
import { parseConfig } from '../../src/config/parse.js';
import { claimsFor, planFor, secretOf } from '../../src/config/plan.js';
import { type Credential, parseCredential, renderCredential } from '../../src/core/credential.js';
import { Worker } from '../../src/engine/worker.js';
import { workflows } from '../../src/main/settings.js';
import { openState, register } from '../../src/main/state.js';
import { openWorkerParts } from '../../src/main/worker-parts.js';
import { eventually } from '../support/eventually.js';
import type { startTestPostgres } from '../support/test-server.js';

/** How a rotation ended, and what the store then names. */
export interface Ended {
  readonly status: string;
  readonly code: string | null;
  readonly current: Credential;
}

const [environment, path] = ['real', '/real/key'] as const;
const fields = { identity: 'id', value: 'key' };

/** Makes a database on a server. *Returns* its URL. */
export async function newDatabase(server: TestServer, name: string): Promise<string> {
  const superuser = new pg.Client(server.url('postgres'));
  await superuser.connect();
  await superuser.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  await superuser.end();
  return server.url(name);
}

type TestServer = Awaited<ReturnType<typeof startTestPostgres>>;

/** What is rotated: settings of a provider, and the key that an application has now. */
export interface Rotating {
  readonly config: ApiKeySettings;
  readonly variables: Readonly<Record<string, string>>;
  readonly first: Credential;
}

/**
 * Rotates a key once by an installation with a worker of its own: state, queue, store, all as shipped, configured and not
 * programmed.
 */
export async function rotateOnce(server: TestServer, { config, variables, first }: Rotating): Promise<Ended> {
  const folder = await mkdtemp(join(tmpdir(), 'keyturn-third-party-'));
  const url = await newDatabase(server, 'keyturn');
  const closers: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    await migrate(url);
    await migrateQueue(url);
    const keyFile = join(folder, 'keyturn.key');
    await createKeyFile(keyFile);
    const configFile = join(folder, 'keyturn.config.ts');
    await writeFile(configFile, '');
    const parsed = parseConfig(
      defineConfig({
        keyring: { file: keyFile },
        environments: {
          [environment]: {
            targets: { keys: { rotator: apiKey, config } },
            secrets: {
              [path]: {
                target: 'keys',
                adopted: true,
                policy: {
                  soak: '0s',
                  grace: '0s',
                  quiet: '0s',
                  maxSessionAge: '0s',
                  watch: '0s',
                  poll: '200ms',
                  retry: { first: '500ms', max: '5s' },
                },
              },
            },
          },
        },
      }),
      { file: configFile, workflows, calendar: calendar() },
    );
    const pool = createPool(url, { sessions: 4 });
    closers.push(() => pool.end());
    await register(parsed, pool);
    const keyring = await localKeyring(keyFile);
    const secret = `${environment}:${path}`;
    const by = { by: 'local:test', reason: 'made by hand' };
    await putInitial({ pool, keyring }, { secret, value: renderCredential(first, fields), ...by });
    const urls = { database: url, queue: url };
    const state = await openState(urls);
    closers.push(() => state.close());
    const { parts, close } = await openWorkerParts({ variables, urls, config: parsed, concurrency: 4 });
    closers.push(close);
    const worker = new Worker(parts);
    await worker.start();
    closers.push(() => worker.stop());
    const rotationId = state.newRotationId();
    const asked = { trigger: 'demand', reason: 'a test', requestedBy: 'local:test', repair: false } as const;
    await state.accept(
      planFor({ config: parsed, environment, path, rotationId, ...asked }),
      claimsFor(secretOf(parsed, environment, path)),
    );
    await state.ring(rotationId);
    const ended = await eventually(
      'the rotation comes to rest',
      async () => {
        const { rows } = await pool.query<{ readonly status: string; readonly code: string | null }>(
          'SELECT status, code FROM keyturn.rotations WHERE rotation_id = $1',
          [rotationId],
        );
        const [row] = rows;
        return row !== undefined && row.status !== 'running' && row.status !== 'rolling_back' && row;
      },
      { maxMs: 240_000, everyMs: 200 },
    );
    const stored = await postgresStoreReader({ pool, keyring }).readCurrent(secret);
    return { ...ended, current: parseCredential(stored!.value, fields, secret) };
  } finally {
    for (const close of closers.reverse()) await close();
  }
}
