import { randomBytes } from 'node:crypto';
import { Secret } from 'keyturn/rotator';
import postgres from 'keyturn/rotators/postgres';
import type { RotatorHarness } from 'keyturn/testing';
import pg from 'pg';
import { describe } from 'vitest';
import type { PostgresConfig } from '../../../rotators/postgres/config.js';
import { badLine } from '../../support/bad-line.js';
import { judged } from '../../support/judged-rotator.js';
import type { ProxyMode, TcpProxy } from '../../support/tcp-proxy.js';
import { type Borrowed, type Setting, borrowTarget, settings } from './borrowed.js';

function harnessFor(setting: Setting, mode: 'two-role' | 'in-place'): RotatorHarness<PostgresConfig> {
  const admin = { username: 'any', password: new Secret(randomBytes(8)) };
  const endpoints = [{ host: '127.0.0.1' }];
  const roles = mode === 'in-place' ? { mode, login: 'l' } : { owner: 'o', logins: ['a', 'b'] };
  return {
    rotator: postgres,
    target: { name: `PostgreSQL ${setting.major} as a ${setting.admin} admin, ${mode}`, isReal: true },
    capabilities: postgres.capabilities(postgres.config.parse({ endpoints, database: 'any', admin, ...roles })),
    none: {
      'refusals.policy':
        'PostgreSQL is sent verifiers, and its passwordcheck refuses only that of the name of the role',
      'refusals.quota': 'PostgreSQL limits no number of roles',
    },
    begin: async () => {
      const target = await borrowTarget(setting, { mode });
      return {
        config: target.config,
        // Port 1 is for nobody: a connection is refused at once.
        unreachable: target.configure({ endpoints: [{ host: '127.0.0.1', port: 1 }] }),
        hung: target.configure({
          endpoints: [{ host: '127.0.0.1', port: (await lineTo(target, { kind: 'blackHole' })).port }],
        }),
        plantForeign: async (identity) => {
          await target.sql(`CREATE ROLE ${pg.escapeIdentifier(identity)} LOGIN PASSWORD 'somebody-elses-own-password'`);
          await target.sql(`COMMENT ON ROLE ${pg.escapeIdentifier(identity)} IS 'ask the billing team'`);
        },
        plantAdopted: async () => {
          const [identity, password] = [target.logins[0], randomBytes(12).toString('hex')];
          const [role, admin] = [identity, target.config.admin.username].map((each) => pg.escapeIdentifier(each));
          await target.sql(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
          // What preflight asks for, from PostgreSQL 16 on, of an admin with no more than CREATEROLE.
          await target.sql(`GRANT ${role} TO ${admin} WITH ADMIN OPTION`);
          return { identity, value: Secret.fromText(password) };
        },
        isThere: async (identity) =>
          (await target.sql('SELECT FROM pg_roles WHERE rolname = $1', [identity])).length > 0,
        accepts: async ({ identity, value }) =>
          target.logIn(identity, value).then(
            () => true,
            () => false,
          ),
        losingAnswers: async () => {
          // The message that ends a transaction, and not its READ COMMITTED.
          const proxy = await lineTo(target, { kind: 'cutAfterRequest', match: /COMMIT\0/ });
          return {
            config: target.configure({ endpoints: [{ host: '127.0.0.1', port: proxy.port }] }),
            lost: () => proxy.cuts,
          };
        },
        refusals: {
          authority: async () =>
            target.configure({ admin: { ...target.config.admin, password: new Secret(randomBytes(12)) } }),
        },
        openSession: async ({ identity, value }) => {
          const client = await target.logIn(identity, value);
          return {
            isOpen: async () =>
              client.query('SELECT 1').then(
                () => true,
                () => false,
              ),
          };
        },
        // What was borrowed goes back when the test has finished.
        end: async () => {},
      };
    },
  };
}

const lineTo = async ({ config }: Borrowed, mode: ProxyMode): Promise<TcpProxy> =>
  badLine(config.endpoints[0]?.port ?? 0, mode);

describe.each(settings)('on PostgreSQL $major as a $admin admin', (setting) => {
  describe.each(['two-role', 'in-place'] as const)('%s', (mode) => {
    judged(harnessFor(setting, mode));
  });
});
