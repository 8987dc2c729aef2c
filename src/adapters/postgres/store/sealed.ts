import type { Bound, SealedPort } from '../../../ports/step-ports.js';
import { ask } from './failure.js';
import type { StoreParts } from './versions.js';

/**
 * The values of a rotation that are sealed beside its journal, as the journal's appends wrote them: bound to the
 * environment, the secret, the rotation and the slot. *Errors* `KEYRING_DENIED`, `STORE_UNAVAILABLE`.
 */
export function postgresSealed({ pool, keyring }: StoreParts): Bound<SealedPort> {
  return {
    open: async ({ plan: { environment, secret, rotationId } }, slot) => {
      const [row] = await ask<{ readonly sealed: Uint8Array }>(
        pool,
        'SELECT sealed FROM keyturn.sealed_values WHERE rotation_id = $1 AND slot = $2',
        [rotationId, slot],
      );
      return row === undefined ? null : keyring.open(row.sealed, { environment, secret, rotation: rotationId, slot });
    },
  };
}
