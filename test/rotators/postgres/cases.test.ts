import { randomBytes } from 'node:crypto';
import { Secret } from 'keyturn/rotator';
import postgres from 'keyturn/rotators/postgres';
import type { RotatorHarness } from 'keyturn/testing';
import pg from 'pg';
import { describe, onTestFinished } from 'vitest';
import type { PostgresConfig } from '../../../rotators/postgres/config.js';
import { judged } from '../../support/judged-rotator.js';
import { type ProxyMode, type TcpProxy, startTcpProxy } from '../../support/tcp-proxy.js';
import { type Borrowed, type Setting, borrowTarget, settings } from './borrowed.js';

function harnessFor(setting: Setting, mode: 'two-role' | 'in-place'): RotatorHarness<PostgresConfig> {
  const admin = { username: 'any', password: new Secret(randomBytes(8)) };
  const endpoints = [{ host: '127.0.0.1' }];
  const roles = mode === 'in-place' ? { mode, login: 'l' } : { owner: 'o', logins: ['a', 'b'] };
  return {
    rotator: postgres,
    target: { name: `PostgreSQL ${setting.major} as a ${setting.admin} admin, ${mode}`, isReal: true },
    capabilities: postgres.capabilities(postgres.config.parse({ endpoints, database: 'any', admin, ...roles })),
    begin: async () => {
      const target = await borrowTarget(setting, { mode });
      return {
        config: target.config,
        // Port 1 is for nobody: a connection is refused at once.
        unreachable: target.configure({ endpoints: [{ host: '127.0.0.1', port: 1 }] }),
        hung: target.configure({
          endpoints: [{ host: '127.0.0.1', port: (await badLine(target, { kind: 'blackHole' })).port }],
        }),
        plantForeign: async (identity) => {
          await target.sql(`CREATE ROLE ${pg.escapeIdentifier(identity)} LOGIN PASSWORD 'somebody-elses-own-password'`);
          await target.sql(`COMMENT ON ROLE ${pg.escapeIdentifier(identity)} IS 'ask the billing team'`);
        },
        isThere: async (identity) =>
          (await target.sql('SELECT FROM pg_roles WHERE rolname = $1', [identity])).length > 0,
        losingAnswers: async () => {
          // The message that ends a transaction, and not its READ COMMITTED.
          const proxy = await badLine(target, { kind: 'cutAfterRequest', match: /COMMIT\0/ });
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

/** A line to the target on which this goes wrong. */
async function badLine(target: Borrowed, mode: ProxyMode): Promise<TcpProxy> {
  const proxy = await startTcpProxy({ host: '127.0.0.1', port: target.config.endpoints[0]?.port ?? 0 });
  onTestFinished(async () => proxy.stop());
  await proxy.setMode(mode);
  return proxy;
}

describe.each(settings)('on PostgreSQL $major as a $admin admin', (setting) => {
  describe.each(['two-role', 'in-place'] as const)('%s', (mode) => {
    judged(harnessFor(setting, mode));
  });
});
