import { randomBytes } from 'node:crypto';
import { Secret } from 'keyturn/rotator';
import redis from 'keyturn/rotators/redis';
import type { RotatorHarness } from 'keyturn/testing';
import type { RedisConfig } from '../../../rotators/redis/config.js';
import { badLine } from '../../support/bad-line.js';
import { judged } from '../../support/judged-rotator.js';
import { borrowTarget, describeWithProgram, logIn } from './borrowed.js';

const harness: RotatorHarness<RedisConfig> = {
  rotator: redis,
  target: { name: 'Redis', isReal: true },
  capabilities: redis.capabilities(
    redis.config.parse({
      endpoints: [{ host: '127.0.0.1' }],
      admin: { username: 'any', password: new Secret(randomBytes(8)) },
      name: 'any',
      rules: ['+ping'],
    }),
  ),
  none: {
    'refusals.policy': 'Redis judges no passwords, and is sent their digests',
    'refusals.quota': 'Redis limits no number of accounts',
  },
  begin: async () => {
    const { configure, port, person } = await borrowTarget();
    const over = (line: { readonly port: number }): RedisConfig =>
      configure({ endpoints: [{ host: '127.0.0.1', port: line.port }] });
    return {
      config: configure(),
      // Port 1 is for nobody: a connection is refused at once.
      unreachable: over({ port: 1 }),
      hung: over(await badLine(port, { kind: 'blackHole' })),
      plantForeign: async (identity) => {
        await person.call('ACL', 'SETUSER', identity, 'on', '>somebody-elses-own-password', '+ping');
      },
      plantAdopted: async () => {
        const password = randomBytes(12).toString('hex');
        await person.call('ACL', 'SETUSER', 'by-hand', 'on', `>${password}`, '+ping');
        return { identity: 'by-hand', value: Secret.fromText(password) };
      },
      isThere: async (identity) => ((await person.call('ACL', 'USERS')) as readonly string[]).includes(identity), // Names.
      losingAnswers: async () => {
        const proxy = await badLine(port, { kind: 'cutAfterRequest', match: /SETUSER|DELUSER/ });
        return { config: over(proxy), lost: () => proxy.cuts };
      },
      refusals: {
        // One that may look at accounts, and not change them.
        authority: async () => {
          const password = randomBytes(12).toString('hex');
          await person.call('ACL', 'SETUSER', 'keyturn_viewer', 'on', `>${password}`, '+acl|list');
          return configure({ admin: { username: 'keyturn_viewer', password: Secret.fromText(password) } });
        },
      },
      accepts: async ({ identity, value }) =>
        logIn(port, identity, value).then(
          () => true,
          () => false,
        ),
      openSession: async ({ identity, value }) => {
        const client = await logIn(port, identity, value);
        return {
          isOpen: async () =>
            client.ping().then(
              () => true,
              () => false,
            ),
        };
      },
      // The server goes when the test has finished.
      end: async () => {},
    };
  },
};

describeWithProgram('the cases of every rotator', () => {
  judged(harness);
});
