import { createHash } from 'node:crypto';
import type { SealContext } from '../ports/keyring.js';

/** What an export is bound to: its environment, and every byte of its header. */
export function exportContext(environment: string, header: Uint8Array): SealContext {
  return {
    environment,
    secret: 'store-export',
    rotation: 'export',
    slot: createHash('sha256').update(header).digest('hex'),
  };
}
