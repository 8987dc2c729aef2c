import { randomBytes } from 'node:crypto';
import { Secret } from 'keyturn/rotator';
import postgres from 'keyturn/rotators/postgres';
import { type RotatorHarness, rotatorCases } from 'keyturn/testing';
import pg from 'pg';
import { describe, test } from 'vitest';
import type { PostgresConfig } from '../../../rotators/postgres/config.js';
import { type Setting, borrowTarget, settings } from './borrowed.js';

function harnessFor(setting: Setting, mode: 'two-role' | 'in-place'): RotatorHarness<PostgresConfig> {
  const admin = { username: 'any', password: new Secret(randomBytes(8)) };
  const endpoints = [{ host: '127.0.0.1' }];
  const roles = mode === 'in-place' ? { mode, login: 'l' } : { owner: 'o', logins: ['a', 'b'] };
  return {
    rotator: postgres,
    capabilities: postgres.capabilities(postgres.config.parse({ endpoints, database: 'any', admin, ...roles })),
    begin: async () => {
      const target = await borrowTarget(setting, { mode });
      return {
        config: target.config,
        // Port 1 is for nobody: a connection is refused at once.
        unreachable: target.configure({ endpoints: [{ host: '127.0.0.1', port: 1 }] }),
        plantForeign: async (identity) => {
          await target.sql(`CREATE ROLE ${pg.escapeIdentifier(identity)} LOGIN PASSWORD 'somebody-elses-own-password'`);
          await target.sql(`COMMENT ON ROLE ${pg.escapeIdentifier(identity)} IS 'ask the billing team'`);
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

describe.each(settings)('on PostgreSQL $major as a $admin admin', (setting) => {
  describe.each(['two-role', 'in-place'] as const)('%s', (mode) => {
    test.each(rotatorCases(harnessFor(setting, mode)))('$name', async ({ run }) => run());
  });
});
