import { CONTRACT, defineRotator } from 'keyturn/rotator';
import { type SigningKeyConfig, configSchema } from './config.js';
import { connect } from './connection.js';
import { classify } from './key-folder.js';

/**
 * Rotates a key that signs by HMAC: webhooks, callbacks, cookies. Whoever signs reads the current version; whoever
 * verifies takes every key of a folder that is on, so that what the old key has signed is good until it is switched off.
 */
export default defineRotator<SigningKeyConfig>({
  name: 'signing-key',
  contract: CONTRACT,
  config: configSchema,
  credential: { identity: 'id', value: 'key' },
  capabilities: () => ({
    overlap: 'two-live',
    origin: 'ours',
    fence: false,
    disable: true,
    usage: false,
    endsSessions: false,
    list: true,
    // A write is over when the call is; this is for a process that was paused in the middle of one.
    settleMs: 10_000,
  }),
  principal: ({ folder, name }) => `${folder.replace(/\/+$/, '')}/${name}`,
  connect,
  classify,
});
