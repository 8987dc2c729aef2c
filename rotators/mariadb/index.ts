import { CONTRACT, defineRotator } from 'keyturn/rotator';
import { type MariadbConfig, configSchema } from './config.js';
import { connect } from './connection.js';
import { classify } from './faults.js';

/**
 * Rotates the account of an application on MariaDB 10.5 and later.
 *
 * Each rotation makes an account of its own beside the one before; both act as one role, which holds the rights. The
 * package `mysql2` must be installed beside Keyturn.
 */
export default defineRotator<MariadbConfig>({
  name: 'mariadb',
  contract: CONTRACT,
  config: configSchema,
  credential: { identity: 'username', value: 'password' },
  capabilities: () => ({
    overlap: 'two-live',
    origin: 'ours',
    fence: false,
    disable: true,
    usage: true,
    endsSessions: true,
    list: true,
    // A statement whose line is lost is ended within its time; this is also for a process paused while sending.
    settleMs: 60_000,
  }),
  principal: ({ name }) => name,
  connect,
  classify,
});
