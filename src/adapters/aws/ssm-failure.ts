import { SSMServiceException } from '@aws-sdk/client-ssm';
import { type KeyturnError, isKeyturnError, keyturnError } from '../../core/errors.js';

/** What was being done when the store failed. */
export interface SsmCall {
  /** As a policy names it: `ssm:PutParameter`. */
  readonly action: string;
  readonly secret: string;
  /** The key of the parameters, for what KMS has to say. */
  readonly keyId: string;
}

/** Sorted, with what is known of the request. */
export interface SsmFailure {
  readonly error: KeyturnError;
  /** True where the store has said that it did not do it. Otherwise it may have happened, or may still happen. */
  readonly isRefused: boolean;
}

const passing: readonly string[] = [
  'ThrottlingException',
  'Throttling',
  'ThrottledException',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  // Two writes of one parameter at the same time.
  'TooManyUpdates',
  'ExpiredTokenException',
  'ExpiredToken',
  'RequestExpired',
  'RequestTimeTooSkewed',
];

const limits: readonly string[] = ['ParameterMaxVersionLimitExceeded', 'ParameterVersionLabelLimitExceeded'];

/** True where there is no such parameter, version or label: which of the two names an unknown label gets is not documented. */
export function isAbsent(thrown: unknown): boolean {
  return ['ParameterNotFound', 'ParameterVersionNotFound'].includes(nameOf(thrown));
}

/**
 * Sorts what a call to SSM threw by what to do next. Only names go on: messages and metadata may quote what was sent.
 * What has no name here is refused where SSM itself said so with a 4xx, and unknown where the network or a server failed.
 *
 * *Source* the errors of PutParameter, GetParameter, LabelParameterVersion in the API reference, and its common errors.
 */
export function ssmFailure(thrown: unknown, call: SsmCall): SsmFailure {
  // What was thrown by us was thrown before anything was sent.
  if (isKeyturnError(thrown)) return { error: thrown, isRefused: true };
  const name = nameOf(thrown);
  const cause = { name };
  // No credentials: nothing could be signed.
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError')
    return { error: keyturnError('STORE_UNAVAILABLE', {}, cause), isRefused: true };
  const status = thrown instanceof SSMServiceException ? (thrown.$metadata.httpStatusCode ?? 0) : 0;
  // A proxy in between may answer anything: only what carries a name of SSM's is SSM's word.
  if (status < 400 || status > 499 || name === 'UnknownError' || name === 'Error') {
    return { error: keyturnError('STORE_UNAVAILABLE', {}, cause), isRefused: false };
  }
  return { error: refusal(thrown, name, call), isRefused: true };
}

function refusal(thrown: unknown, name: string, { action, secret, keyId }: SsmCall): KeyturnError {
  const message = thrown instanceof Error ? thrown.message : '';
  const cause = { name };
  if (passing.includes(name)) return keyturnError('STORE_UNAVAILABLE', {}, cause);
  // AWS says by its text alone that a signature is too old.
  if (name === 'InvalidSignatureException' && /expired|not yet current/i.test(message))
    return keyturnError('STORE_UNAVAILABLE', {}, cause);
  if (isAbsent(thrown)) return keyturnError('STORE_UNAVAILABLE', {}, cause);
  if (limits.includes(name)) return keyturnError('VERSION_LIMIT', { secret }, cause);
  const kmsAction = /\bkms:\w+/.exec(message)?.[0];
  if (name === 'AccessDeniedException' && (kmsAction !== undefined || /ciphertext|customer master key/i.test(message)))
    return keyturnError(
      'KEYRING_ACCESS_DENIED',
      { action: kmsAction ?? keyActionOf(action), key: keyId, secret },
      cause,
    );
  // SSM gives no error of KMS its own name: the text says in which state the key is.
  if (name === 'InvalidKeyId') {
    if (/pending\s*deletion/i.test(message))
      return keyturnError('KEYRING_KEY_PENDING_DELETION', { key: keyId, secret }, cause);
    if (/disabled/i.test(message)) return keyturnError('KEYRING_KEY_DISABLED', { key: keyId, secret }, cause);
    return keyturnError('KEYRING_KEY_UNUSABLE', { key: keyId, finding: name, secret }, cause);
  }
  if (name === 'AccessDeniedException') return keyturnError('STORE_DENIED', { action }, cause);
  return keyturnError('STORE_DENIED', { action: `${action} (${name})` }, cause);
}

/** What Parameter Store does with the key for this call. */
const keyActionOf = (action: string): string => (action.startsWith('ssm:PutParameter') ? 'kms:Encrypt' : 'kms:Decrypt');

const nameOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.name : typeof thrown);
