import { type KeyObject, createHash, createSecretKey } from 'node:crypto';
import type { KeyService, SealContext } from '../../ports/keyring.js';
import { deriveKey, keyedHash } from './derived-key.js';
import { openEnvelope, sealEnvelope } from './envelope.js';
import { readKeyFile } from './key-file.js';
import { openUnderDataKey, sealUnderDataKey, wrappedKeyIn } from './service-envelope.js';

/** A master key at work, whichever way it wraps its data keys. */
export interface SealingKey {
  /** Names it in the database and to people. */
  readonly keyId: string;
  /** Names it in what it has sealed, from the third byte on. Eight bytes. */
  readonly mark: Uint8Array;
  /** *Errors* those of `Keyring.seal`. */
  seal(value: Uint8Array, context: SealContext): Promise<Uint8Array>;
  /** *Returns* undefined for another context or a changed byte, where it is seen here. *Errors* those of `Keyring.open`. */
  open(sealed: Uint8Array, context: SealContext): Promise<Uint8Array | undefined>;
}

/** A master key in a file, which also has a digest key of its own. */
export interface FileKey extends SealingKey {
  /** What digests are keyed by while the database keeps no digest key: derived, so that it tells nothing of the key. */
  readonly digestKey: KeyObject;
}

/** *Errors* `KEY_FILE_MISSING`, `KEY_FILE_EXPOSED`, `KEY_FILE_INVALID`; see {@link readKeyFile}. */
export async function fileKey(file: string): Promise<FileKey> {
  const master = await readKeyFile(file);
  const mark = keyedHash(master, ['keyturn-key-id-v1'], new Uint8Array(0)).subarray(0, 8);
  const digestKey = deriveKey(master, ['keyturn-digest-root-v1']);
  try {
    return {
      keyId: mark.toString('hex'),
      mark,
      digestKey: createSecretKey(digestKey),
      seal: async (value, context) => sealEnvelope(master, mark, value, context),
      open: async (sealed, context) => openEnvelope(master, mark, sealed, context),
    };
  } finally {
    digestKey.fill(0);
  }
}

/** The key of a service. Each seal and each opening is a call there. */
export function serviceKey(service: KeyService): SealingKey {
  const mark = createHash('sha256').update(`keyturn-key-mark-v1\n${service.keyId}`).digest().subarray(0, 8);
  return {
    keyId: service.keyId,
    mark,
    seal: async (value, context) => {
      const dataKey = await service.generate(context);
      try {
        return sealUnderDataKey(dataKey, mark, value, context);
      } finally {
        dataKey.key.fill(0);
      }
    },
    open: async (sealed, context) => {
      const wrapped = wrappedKeyIn(sealed, mark);
      if (wrapped === undefined) return undefined;
      const key = await service.unwrap(wrapped, context);
      try {
        return openUnderDataKey(key, sealed, context);
      } finally {
        key.fill(0);
      }
    },
  };
}
