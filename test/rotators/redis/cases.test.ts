import { randomBytes } from 'node:crypto';
import { Secret } from 'keyturn/rotator';
import redis from 'keyturn/rotators/redis';
import type { RotatorHarness } from 'keyturn/testing';
import type { RedisConfig } from '../../../rotators/redis/config.js';
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
  begin: async () => {
    const { configure, port, person } = await borrowTarget();
    return {
      config: configure(),
      // Port 1 is for nobody: a connection is refused at once.
      unreachable: configure({ endpoints: [{ host: '127.0.0.1', port: 1 }] }),
      plantForeign: async (identity) => {
        await person.call('ACL', 'SETUSER', identity, 'on', '>somebody-elses-own-password', '+ping');
      },
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
