import type { KeyObject } from 'node:crypto';
import type pg from 'pg';
import {
  digestKeyContext,
  newDigestKey,
  openByMark,
  openDigestKey,
  sealDigestKey,
} from '../adapters/local-keyring/digest-key.js';
import { keyringOf } from '../adapters/local-keyring/local-keyring.js';
import { type FileKey, type SealingKey, fileKey, serviceKey } from '../adapters/local-keyring/sealing-key.js';
import { type KeyringRow, keyringRow } from '../adapters/postgres/store/keyring-row.js';
import { type Rewrapped, hasOthers, moveKeyringRow, rewrapValues } from '../adapters/postgres/store/rewrap.js';
import { type Config, type MasterKeyConfig, masterKeyName } from '../config/config.js';
import { keyturnError } from '../core/errors.js';
import type { Finding } from '../core/observation.js';
import type { Keyring, SealContext } from '../ports/keyring.js';

/**
 * The keyring of a configuration, on the database it belongs to. While the master key is being changed it seals under
 * the one that the database names, and opens what either of the two has sealed.
 *
 * *Errors* those of the key file, those of `Keyring.open`; `KEY_WRONG`; `KEY_STILL_NEEDED` where the key before is named
 * no more and has values left.
 */
export async function openKeyring(config: Config, pool: pg.Pool): Promise<Keyring> {
  const { newest, previous, row, digestKey } = await openKeys(config, pool);
  if (previous === null) {
    // Looked for only where there was another key once: it reads every version.
    if (row.isMoved && (await hasOthers(pool, newest.mark))) {
      throw keyturnError('KEY_STILL_NEEDED', { file: masterKeyName(config.keyring) });
    }
    return keyringOf([newest], digestKey);
  }
  return keyringOf(previous.keyId === row.keyId ? [previous, newest] : [newest, previous], digestKey);
}

/** What `keyturn store rewrap` is run with. */
export interface Rewrap {
  readonly by: string;
  /** Hears how many values are under the new key that were not before. */
  readonly tell: (moved: number) => void;
}

/**
 * Moves a database to the master key of its configuration from the one before: first the row that names it, from when on
 * every worker that starts seals under the new one, then every value. Digests stay as they are.
 *
 * *Repeat*: goes on where it broke off. *Errors* `USAGE` where no key before is named; those of {@link openKeyring} and
 * of `rewrapValues`.
 */
export async function rewrap(config: Config, pool: pg.Pool, { by, tell }: Rewrap): Promise<Rewrapped> {
  const { newest, previous, row, digestKey } = await openKeys(config, pool);
  if (previous === null) {
    const finding = 'the configuration names no `previous` master key to move from';
    throw keyturnError('USAGE', { finding, command: 'store rewrap' });
  }
  if (row.keyId !== newest.keyId) {
    const move = { from: row.keyId, to: newest.keyId, digestKey: await sealDigestKey(newest, digestKey), by };
    await moveKeyringRow(pool, move);
    // Somebody else may have moved it in the same moment, and to another key.
    await openKeys(config, pool);
  }
  const reseal = (sealed: Uint8Array, context: SealContext) => resealed([newest, previous], sealed, context);
  return rewrapValues(pool, { mark: newest.mark, reseal }, tell);
}

/** The value under the first of the keys. What replaces the only copy of a value is opened once before it does. */
async function resealed(
  keys: readonly [MasterKey, ...MasterKey[]],
  sealed: Uint8Array,
  context: SealContext,
): Promise<Uint8Array> {
  const value = await openByMark(keys, sealed, context);
  let opened: Uint8Array | undefined;
  try {
    const anew = await keys[0].seal(value, context);
    opened = await keys[0].open(anew, context);
    if (opened === undefined || Buffer.compare(value, opened) !== 0) {
      throw keyturnError('KEYRING_UNAVAILABLE', { secret: context.secret });
    }
    return anew;
  } finally {
    value.fill(0);
    opened?.fill(0);
  }
}

/** The master keys of a configuration, the row of the database, and the key of its digests. *Errors* `KEY_WRONG`. */
async function openKeys(config: Config, pool: pg.Pool) {
  const { newest, previous } = await masterKeysOf(config);
  const keys = previous === null ? [newest] : [newest, previous];
  const row = await keyringRow(pool, {
    keyIds: keys.map((key) => key.keyId),
    named: masterKeyName(config.keyring),
    first: async () => ({
      keyId: newest.keyId,
      digestKey: 'digestKey' in newest ? null : await sealDigestKey(newest, newDigestKey()),
    }),
  });
  return { newest, previous, row, digestKey: await digestKeyOf(keys, row) };
}

/** The digest key of a database: kept sealed, or derived from the key file it has always belonged to. */
async function digestKeyOf(keys: readonly MasterKey[], { keyId, digestKey }: KeyringRow): Promise<KeyObject> {
  if (digestKey !== null) return openDigestKey(keys, digestKey);
  const file = keys.find((key) => key.keyId === keyId);
  if (file === undefined || !('digestKey' in file)) {
    throw new TypeError('the digest key of a key service is in the database');
  }
  return file.digestKey;
}

/**
 * Looks at the master keys without a database: are they there, and may we use them for every environment?
 * *Returns* what a dry run is refused. *Errors* those of the key file.
 */
export async function examineMasterKey({ keyring, environments }: Config): Promise<readonly Finding[]> {
  const contexts = Object.keys(environments).map((environment): SealContext => {
    return { environment, secret: `${environment}:/doctor`, rotation: 'doctor', slot: 'doctor' };
  });
  const findings: Finding[] = [];
  for (const key of keyring.previous === null ? [keyring] : [keyring, keyring.previous]) {
    if (key.kind === 'file') await fileKey(key.file);
    else findings.push(...(await (await kmsAdapter()).examineKmsKey(key, [digestKeyContext, ...contexts])));
  }
  return findings;
}

type MasterKey = SealingKey | FileKey;

async function masterKeysOf({ keyring }: Config): Promise<{ newest: MasterKey; previous: MasterKey | null }> {
  const { previous } = keyring;
  return { newest: await masterKeyOf(keyring), previous: previous === null ? null : await masterKeyOf(previous) };
}

async function masterKeyOf(key: MasterKeyConfig): Promise<MasterKey> {
  if (key.kind === 'file') return fileKey(key.file);
  return serviceKey(await (await kmsAdapter()).kmsKeyService(key, digestKeyContext));
}

/** Loaded where it is used: it takes longer to load than most commands take to answer. */
const kmsAdapter = async () => import('../adapters/aws/kms-key-service.js');
