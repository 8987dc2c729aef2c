import { randomBytes } from 'node:crypto';
import { Secret } from 'keyturn/rotator';
import mariadb from 'keyturn/rotators/mariadb';
import type { RotatorHarness } from 'keyturn/testing';
import type { MariadbConfig } from '../../../rotators/mariadb/config.js';
import { judged } from '../../support/judged-rotator.js';
import { borrowTarget, describeWithMariadb } from './borrowed.js';

const harness: RotatorHarness<MariadbConfig> = {
  rotator: mariadb,
  target: { name: 'MariaDB', isReal: true },
  capabilities: mariadb.capabilities(
    mariadb.config.parse({
      endpoints: [{ host: '127.0.0.1' }],
      admin: { username: 'any', password: new Secret(randomBytes(8)) },
      name: 'app',
      role: 'app',
    }),
  ),
  begin: async () => {
    const { configure, sql, logIn } = await borrowTarget();
    return {
      config: configure(),
      // Port 1 is for nobody: a connection is refused at once.
      unreachable: configure({ endpoints: [{ host: '127.0.0.1', port: 1 }] }),
      plantForeign: async (identity) => {
        await sql(`CREATE USER '${identity}' IDENTIFIED BY 'somebody-elses-own-password'`);
      },
      openSession: async ({ identity, value }) => {
        const client = await logIn(identity, value);
        return {
          isOpen: async () =>
            client.ping().then(
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

describeWithMariadb('the cases of every rotator', () => {
  judged(harness);
});
