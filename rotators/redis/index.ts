import { CONTRACT, defineRotator } from 'keyturn/rotator';
import { type RedisConfig, configSchema } from './config.js';
import { connect } from './connection.js';
import { classify } from './faults.js';

/**
 * Rotates the account of an application on Redis 7 and later, or Valkey.
 *
 * Each rotation makes an account of its own beside the one before, so that old and new work side by side and the server
 * can tell who uses which. Two passwords on one account would look like one login to it.
 */
export default defineRotator<RedisConfig>({
  name: 'redis',
  contract: CONTRACT,
  config: configSchema,
  credential: { identity: 'username', value: 'password' },
  capabilities: () => ({
    overlap: 'two-live',
    origin: 'ours',
    fence: false,
    disable: true,
    usage: true,
    refusedLogins: true,
    endsSessions: true,
    list: true,
    // What is sent takes effect when it arrives, or never; this is for a process that was paused while sending.
    settleMs: 60_000,
  }),
  principal: ({ name }) => name,
  connect,
  classify,
});
