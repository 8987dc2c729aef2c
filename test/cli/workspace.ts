import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createKeyFile } from '../../src/adapters/local-keyring/key-file.js';
import { migrateQueue } from '../../src/adapters/bullmq/migrate-queue.js';
import { openPool } from '../support/pool.js';
import { freshDatabase } from '../support/postgres.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import type { Answer, RunOptions } from './keyturn.js';
import { keyturn } from './keyturn.js';

/** A folder with a configuration and a key, a state database, and a target database with an owner role. */
export interface Workspace {
  readonly folder: string;
  /** What commands run with: the folder, the state database, the admin's password. */
  readonly options: RunOptions & { readonly env: Readonly<Record<string, string>> };
  /** Of the secret `/demo/billing/db`. */
  readonly roles: { readonly owner: string; readonly logins: readonly [string, string] };
  readonly stateUrl: string;
  /** Runs a command in the folder. */
  readonly run: (...args: readonly string[]) => Promise<Answer>;
  /** Asks the state database. */
  readonly ask: (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Every role of this workspace at the target, with what would change if somebody touched one. */
  readonly targetRoles: () => Promise<readonly unknown[]>;
}

/** Builds a workspace of one test. `isMigrated` false leaves the state database empty. */
export async function workspace({ isMigrated = true }: { readonly isMigrated?: boolean } = {}): Promise<Workspace> {
  const folder = await temporaryFolder();
  const [state, target] = [await freshDatabase({ migrated: isMigrated }), await freshDatabase()];
  const owner = `kt_${randomBytes(5).toString('hex')}`;
  const roles = { owner, logins: [`${owner}_a`, `${owner}_b`] as const };
  const { hostname, port, username, password } = new URL(target.url);
  const superuser = openPool(target.url, 1);
  await superuser.query(`CREATE ROLE ${owner} NOLOGIN`);
  await superuser.query(`ALTER DATABASE ${target.name} OWNER TO ${owner}`);
  const stateClient = openPool(state.url, 1);
  onTestFinished(async () => {
    await stateClient.end();
    await state.drop();
    await superuser.query(`ALTER DATABASE ${target.name} OWNER TO CURRENT_USER`);
    for (const role of [...roles.logins, owner]) {
      await superuser.query(
        `DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN DROP OWNED BY ${role}; DROP ROLE ${role}; END IF; END $$`,
      );
    }
    await superuser.end();
    await target.drop();
  });
  await createKeyFile(join(folder, 'keyturn.key'));
  await writeFile(
    join(folder, 'keyturn.config.ts'),
    configText({
      host: hostname,
      port: Number(port),
      admin: decodeURIComponent(username),
      database: target.name,
      roles,
    }),
  );
  if (isMigrated) await migrateQueue(state.url);
  const env = { KEYTURN_DATABASE_URL: state.url, ADMIN_PASSWORD: decodeURIComponent(password) };
  return {
    folder,
    options: { cwd: folder, env },
    roles,
    stateUrl: state.url,
    run: (...args) => keyturn(args, { cwd: folder, env }),
    ask: async (sql) => (await stateClient.query<Record<string, unknown>>(sql)).rows,
    targetRoles: async () => {
      const names = [owner, ...roles.logins];
      const found = await superuser.query<Record<string, unknown>>(
        `SELECT rolname, rolcanlogin, rolpassword, shobj_description(oid, 'pg_authid') AS comment
         FROM pg_authid WHERE rolname = ANY($1) ORDER BY rolname`,
        [names],
      );
      return found.rows;
    },
  };
}

function configText(target: {
  readonly host: string;
  readonly port: number;
  readonly admin: string;
  readonly database: string;
  readonly roles: Workspace['roles'];
}): string {
  const { host, port, admin, database, roles } = target;
  return `import { defineConfig, env } from 'keyturn';
import postgres from 'keyturn/rotators/postgres';

const billing = {
  rotator: postgres,
  config: {
    endpoints: [{ host: '${host}', port: ${port} }],
    database: '${database}',
    admin: { username: '${admin}', password: env('ADMIN_PASSWORD') },
  },
};

export default defineConfig({
  keyring: { file: './keyturn.key' },
  environments: {
    demo: {
      targets: { billing },
      secrets: {
        '/demo/billing/db': {
          target: 'billing',
          config: { owner: '${roles.owner}', logins: ${JSON.stringify(roles.logins)} },
          policy: { grace: '0s', quiet: '0s', watch: '0s', poll: '100ms' },
        },
      },
    },
  },
});
`;
}
