import { CONTRACT, defineRotator } from 'keyturn/rotator';
import { type PostgresConfig, configSchema, tokenRoleOf } from './config.js';
import { connect } from './connection.js';
import { classify } from './faults.js';

/**
 * Rotates the password of an application on PostgreSQL 15 to 18.
 *
 * By default two login roles take turns under one owner role, so that old and new work side by side. With
 * `mode: 'in-place'` one login role gets a new password: consumers fail between the change and their next read.
 */
export default defineRotator<PostgresConfig>({
  name: 'postgres',
  contract: CONTRACT,
  config: configSchema,
  credential: { identity: 'username', value: 'password' },
  capabilities: ({ mode, ...config }) => ({
    overlap: mode === 'in-place' ? 'one-live' : 'two-live',
    origin: 'ours',
    fence: true,
    disable: mode !== 'in-place',
    usage: true,
    ...('refusedLogins' in config && config.refusedLogins ? { refusedLogins: true } : {}),
    endsSessions: mode !== 'in-place',
    list: true,
    settleMs: 0,
  }),
  principal: tokenRoleOf,
  connect,
  classify,
});
