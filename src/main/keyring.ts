import type pg from 'pg';
import { digestKeyContext, newDigestKey, openDigestKey, sealDigestKey } from '../adapters/local-keyring/digest-key.js';
import { keyringOf } from '../adapters/local-keyring/local-keyring.js';
import { type FileKey, type SealingKey, fileKey, serviceKey } from '../adapters/local-keyring/sealing-key.js';
import { keyringRow } from '../adapters/postgres/store/keyring-row.js';
import { type Config, type MasterKeyConfig, masterKeyName } from '../config/config.js';
import type { Finding } from '../core/observation.js';
import type { Keyring, SealContext } from '../ports/keyring.js';

/**
 * The keyring of a configuration, on the database it belongs to. While the master key is being changed it seals under
 * the one that the database names, and opens what either of the two has sealed.
 *
 * *Errors* those of the key file, those of `Keyring.open`; `KEY_WRONG`.
 */
export async function openKeyring(config: Config, pool: pg.Pool): Promise<Keyring> {
  const { newest, previous } = await masterKeysOf(config);
  const keys = previous === null ? [newest] : [newest, previous];
  const { keyId, digestKey } = await keyringRow(pool, {
    keyIds: keys.map((key) => key.keyId),
    named: masterKeyName(config.keyring),
    first: async () => ({
      keyId: newest.keyId,
      digestKey: 'digestKey' in newest ? null : await sealDigestKey(newest, newDigestKey()),
    }),
  });
  const isMoving = previous?.keyId === keyId;
  const ordered: readonly [MasterKey, ...MasterKey[]] = isMoving ? [previous, newest] : [newest, ...keys.slice(1)];
  const [sealing] = ordered;
  if (digestKey !== null) return keyringOf(ordered, await openDigestKey(keys, digestKey));
  if (!('digestKey' in sealing)) throw new TypeError('the key of a service has its digest key in the database');
  return keyringOf(ordered, sealing.digestKey);
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
