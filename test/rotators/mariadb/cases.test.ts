import { randomBytes } from 'node:crypto';
import { Secret } from 'keyturn/rotator';
import mariadb from 'keyturn/rotators/mariadb';
import type { RotatorHarness } from 'keyturn/testing';
import type { MariadbConfig } from '../../../rotators/mariadb/config.js';
import { badLine } from '../../support/bad-line.js';
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
  none: {
    // Where it insists on seeing passwords it refuses every digest: preflight.test.ts has what becomes of that.
    'refusals.policy': 'MariaDB judges passwords, and is sent digests, which it takes or refuses all alike',
    'refusals.quota': 'MariaDB limits no number of accounts',
  },
  begin: async () => {
    const { configure, sql, logIn, name, server } = await borrowTarget();
    const over = (line: { readonly port: number }): MariadbConfig =>
      configure({ endpoints: [{ host: '127.0.0.1', port: line.port }] });
    return {
      config: configure(),
      // Port 1 is for nobody: a connection is refused at once.
      unreachable: over({ port: 1 }),
      hung: over(await badLine(server.port, { kind: 'blackHole' })),
      plantForeign: async (identity) => {
        await sql(`CREATE USER '${identity}' IDENTIFIED BY 'somebody-elses-own-password'`);
      },
      plantAdopted: async () => {
        const [identity, password] = [`${name}_by_hand`, randomBytes(12).toString('hex')];
        await sql(`CREATE USER '${identity}' IDENTIFIED BY '${password}'`);
        return { identity, value: Secret.fromText(password) };
      },
      isThere: async (identity) =>
        (await sql(`SELECT 1 FROM mysql.global_priv WHERE BINARY user = '${identity}'`)).length > 0,
      losingAnswers: async () => {
        const match = /CREATE OR REPLACE USER|DROP USER/;
        const proxy = await badLine(server.port, { kind: 'cutAfterRequest', match });
        return { config: over(proxy), lost: () => proxy.cuts };
      },
      refusals: {
        // One that may look at accounts and tag them, and not make them.
        authority: async () => {
          const [username, password] = [`${name}_viewer`, randomBytes(12).toString('hex')];
          await sql(`CREATE USER '${username}' IDENTIFIED BY '${password}'; GRANT SELECT ON mysql.* TO '${username}'`);
          await sql(`GRANT SELECT, INSERT, DELETE ON ${name}_tags.* TO '${username}'`);
          return configure({ admin: { username, password: Secret.fromText(password) } });
        },
      },
      accepts: async ({ identity, value }) =>
        logIn(identity, value).then(
          () => true,
          () => false,
        ),
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
