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
  /**
   * *Errors* to wait for: `KEYRING_UNAVAILABLE`, `KEYRING_THROTTLED`, `KEYRING_CREDENTIALS_MISSING`. To undo:
   * `KEYRING_KEY_DISABLED`, `KEYRING_KEY_PENDING_DELETION`, `KEYRING_KEY_UNUSABLE`, `KEYRING_ACCESS_DENIED`. A key file
   * gives none of them.
   */
  seal(value: Secret, context: SealContext): Promise<Uint8Array>;
  /** *Errors* those of `seal`; `KEYRING_DENIED` for another key, another context or a changed byte. */
  open(sealed: Uint8Array, context: SealContext): Promise<Secret>;
  /**
   * A keyed digest: equal for equal values of one environment and secret, and worthless without the key.
   * Hexadecimal, 32 characters. No call to a key service: its key is opened once, with the keyring.
   */
  digest(value: Secret, context: { readonly environment: string; readonly secret: string }): string;
  /** Names the master key without telling anything of it, so that a wrong one is found at start. */
  readonly keyId: string;
}

/** A data key in hand: `key` seals one value and is overwritten then, `wrapped` is kept with what it has sealed. */
export interface DataKey {
  /** 32 bytes. The caller overwrites them. */
  readonly key: Uint8Array;
  readonly wrapped: Uint8Array;
}

/** A master key that never leaves the service that keeps it: data keys are made and opened there. */
export interface KeyService {
  /** Names the key for as long as it lives, whatever alias it was asked for by. */
  readonly keyId: string;
  /** A new data key, bound to the context. *Errors* those of {@link Keyring.seal}. */
  generate(context: SealContext): Promise<DataKey>;
  /** The data key that was wrapped. The caller overwrites it. *Errors* those of {@link Keyring.open}. */
  unwrap(wrapped: Uint8Array, context: SealContext): Promise<Uint8Array>;
}
