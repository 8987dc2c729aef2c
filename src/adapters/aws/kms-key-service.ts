import { DecryptCommand, GenerateDataKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { cureOf, keyturnError, sentenceOf } from '../../core/errors.js';
import type { Finding } from '../../core/observation.js';
import type { DataKey, KeyService, SealContext } from '../../ports/keyring.js';
import { type KmsCall, kmsFailure, wouldSucceed } from './kms-failure.js';

/** Where the key is. Credentials are found by the SDK's default chain. */
export interface KmsKey {
  /** An alias (`alias/keyturn`), an id, or the ARN of either. */
  readonly key: string;
  readonly region: string;
  /** Null: that of the region. */
  readonly endpoint: string | null;
}

/** A key of AWS KMS as a master key. */
export interface KmsKeyService extends KeyService {
  /** Lets go of its connections. *Repeat*: harmless. */
  close(): void;
}

/**
 * How long one try may take, and a call with all its tries. Both are shorter than the deadline of a step's call, so that
 * what is told is what happened and not that it took long. Milliseconds.
 */
const connectMs = 2_000;
const tryMs = 3_000;
const callMs = 12_000;

/** Both calls may be repeated: a data key that nobody received has sealed nothing. */
const maxAttempts = 3;

const silent = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

function ignore(): void {
  // Requests name secrets and answers hold keys: the SDK logs neither.
}

/**
 * A master key in AWS KMS. The alias is followed once, here: from then on every call names the key it led to, so that
 * an alias that is pointed elsewhere cannot make half of the values belong to another key.
 *
 * *Errors* those of {@link KeyService.generate}.
 */
export async function kmsKeyService(named: KmsKey, context: SealContext): Promise<KmsKeyService> {
  const client = clientOf(named);
  try {
    const keyId = await followAlias(client, named.key, context);
    return new KmsKeyServiceOf(client, keyId);
  } catch (error) {
    client.destroy();
    throw error;
  }
}

/**
 * Asks by dry runs whether a key can be used under these contexts. Makes nothing and opens nothing.
 * *Returns* a finding for each call that would fail, told once however many contexts it fails under.
 */
export async function examineKmsKey(named: KmsKey, contexts: readonly SealContext[]): Promise<readonly Finding[]> {
  const client = clientOf(named);
  const key = named.key;
  try {
    const findings = new Map<string, Finding>();
    for (const context of contexts) {
      const { secret } = context;
      const found = await Promise.all([
        wouldFail({ action: 'kms:GenerateDataKey', key, secret }, (options) =>
          client.send(new GenerateDataKeyCommand({ ...dataKeyOf(key, context), DryRun: true }), options),
        ),
        wouldFail({ action: 'kms:Decrypt', key, secret }, (options) =>
          client.send(new DecryptCommand({ ...withoutCiphertext(key, context), DryRun: true }), options),
        ),
      ]);
      for (const finding of found.flat()) findings.set(finding.sentence, finding);
    }
    return [...findings.values()];
  } finally {
    client.destroy();
  }
}

/** Asks about the permission alone: there may be nothing yet that was sealed. */
const withoutCiphertext = (key: string, context: SealContext) => ({
  KeyId: key,
  EncryptionContext: encryptionContext(context),
  DryRunModifiers: ['IGNORE_CIPHERTEXT' as const],
});

/** A dry run never answers: it throws that it would have, or why not. */
async function wouldFail(call: KmsCall, ask: Ask<unknown>): Promise<readonly Finding[]> {
  try {
    await ask({ abortSignal: AbortSignal.timeout(callMs) });
    return [];
  } catch (thrown) {
    if (wouldSucceed(thrown)) return [];
    const { code, facts } = kmsFailure(thrown, call);
    return [{ sentence: `${code}: ${sentenceOf(code, facts)}`, cure: cureOf(code, facts) }];
  }
}

function clientOf({ region, endpoint }: KmsKey): KMSClient {
  return new KMSClient({
    region,
    ...(endpoint === null ? {} : { endpoint }),
    maxAttempts,
    logger: silent,
    requestHandler: {
      connectionTimeout: connectMs,
      requestTimeout: tryMs,
      throwOnRequestTimeout: true,
      logger: silent,
    },
  });
}

/** The ARN behind a name. A data key tells it, and needs no permission that sealing does not need. */
async function followAlias(client: KMSClient, key: string, context: SealContext): Promise<string> {
  const { Plaintext, KeyId } = await calling(
    { action: 'kms:GenerateDataKey', key, secret: context.secret },
    (options) => client.send(new GenerateDataKeyCommand(dataKeyOf(key, context)), options),
  );
  Plaintext?.fill(0);
  if (KeyId === undefined) throw keyturnError('KEYRING_UNAVAILABLE', { secret: context.secret });
  return KeyId;
}

class KmsKeyServiceOf implements KmsKeyService {
  readonly #client: KMSClient;
  readonly keyId: string;

  constructor(client: KMSClient, keyId: string) {
    this.#client = client;
    this.keyId = keyId;
  }

  async generate(context: SealContext): Promise<DataKey> {
    const { Plaintext: key, CiphertextBlob: wrapped } = await calling(
      this.#call('kms:GenerateDataKey', context),
      (options) => this.#client.send(new GenerateDataKeyCommand(dataKeyOf(this.keyId, context)), options),
    );
    if (key?.length !== dataKeyBytes || wrapped === undefined) {
      key?.fill(0);
      throw keyturnError('KEYRING_UNAVAILABLE', { secret: context.secret });
    }
    return { key, wrapped };
  }

  async unwrap(wrapped: Uint8Array, context: SealContext): Promise<Uint8Array> {
    const { Plaintext: key } = await calling(this.#call('kms:Decrypt', context), (options) =>
      this.#client.send(new DecryptCommand({ ...this.#named(context), CiphertextBlob: wrapped }), options),
    );
    if (key?.length !== dataKeyBytes) {
      key?.fill(0);
      throw keyturnError('KEYRING_UNAVAILABLE', { secret: context.secret });
    }
    return key;
  }

  close(): void {
    this.#client.destroy();
  }

  #named(context: SealContext) {
    return { KeyId: this.keyId, EncryptionContext: encryptionContext(context) };
  }

  #call(action: string, { secret }: SealContext): KmsCall {
    return { action, key: this.keyId, secret };
  }
}

const dataKeyBytes = 32;

const dataKeyOf = (key: string, context: SealContext) => ({
  KeyId: key,
  KeySpec: 'AES_256' as const,
  EncryptionContext: encryptionContext(context),
});

/** Stands in CloudTrail in clear, and policies may require it. Names only. */
const encryptionContext = ({ environment, secret, rotation, slot }: SealContext): Record<string, string> => ({
  environment,
  secret,
  rotation,
  slot,
});

type Ask<Answer> = (options: { readonly abortSignal: AbortSignal }) => Promise<Answer>;

async function calling<Answer>(call: KmsCall, ask: Ask<Answer>): Promise<Answer> {
  try {
    return await ask({ abortSignal: AbortSignal.timeout(callMs) });
  } catch (thrown) {
    throw kmsFailure(thrown, call);
  }
}
