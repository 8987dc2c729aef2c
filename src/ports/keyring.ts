import type { Secret } from '../core/secret.js';

/** What a sealed value is bound to: it opens only under the same. Never a secret, because key services log it. */
export interface SealContext {
  readonly environment: string;
  readonly secret: string;
  /** The rotation, or `store` for versions. */
  readonly rotation: string;
  /** Which value: `new`, or the number of the version. */
  readonly slot: string;
}

/** Seals small values. Each seal has a data key of its own, wrapped by the master key and kept with it. */
export interface Keyring {
  /** *Errors* `KEYRING_UNAVAILABLE`, `KEYRING_DENIED`. */
  seal(value: Secret, context: SealContext): Promise<Uint8Array>;
  /** *Errors* `KEYRING_DENIED` for another key, another context or a changed byte; `KEYRING_UNAVAILABLE`. */
  open(sealed: Uint8Array, context: SealContext): Promise<Secret>;
  /**
   * A keyed digest: equal for equal values of one environment and secret, and worthless without the key.
   * Hexadecimal, 32 characters.
   */
  digest(value: Secret, context: { readonly environment: string; readonly secret: string }): string;
  /** Names the master key without telling anything of it, so that a wrong key file is found at start. */
  readonly keyId: string;
}
