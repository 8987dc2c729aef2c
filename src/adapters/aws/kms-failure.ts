import { type KeyturnError, keyturnError } from '../../core/errors.js';

/** What was being done when the key service failed. */
export interface KmsCall {
  /** As a policy names it: `kms:Decrypt`. */
  readonly action: string;
  /** As it was asked for: an ARN, an id or an alias. */
  readonly key: string;
  readonly secret: string;
}

const throttled: readonly string[] = [
  'ThrottlingException',
  'Throttling',
  'ThrottledException',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  // KMS means by it that there are too many of something; the SDK takes it for throttling, and waiting is right for both.
  'LimitExceededException',
];

const withoutCredentials: readonly string[] = [
  'CredentialsProviderError',
  'TokenProviderError',
  'ExpiredTokenException',
  'ExpiredToken',
  'RequestExpired',
];

const denied: readonly string[] = [
  'AccessDeniedException',
  'AccessDenied',
  'InvalidGrantTokenException',
  'UnrecognizedClientException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'IncompleteSignature',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'OptInRequired',
];

const unusable: readonly string[] = [
  'KMSInvalidStateException',
  'NotFoundException',
  'InvalidKeyUsageException',
  'InvalidArnException',
  'UnsupportedOperationException',
  'ValidationException',
];

/**
 * Sorts what a call to KMS threw by what to do next. Only the name of the error goes on: its message and its metadata
 * may quote what was sent. What has no name here is a fault of the service or of the network, and unknown: retried.
 *
 * *Source* the errors of GenerateDataKey and Decrypt in the KMS API reference, and the table of its key states.
 */
export function kmsFailure(thrown: unknown, { action, key, secret }: KmsCall): KeyturnError {
  const { name, message } = namedBy(thrown);
  const cause = { name };
  if (name === 'DisabledException' || name === 'KMSInvalidStateException') {
    // A key that is to be deleted answers with either of the two; only the text says which state it is.
    if (/pending\s*deletion/i.test(message))
      return keyturnError('KEYRING_KEY_PENDING_DELETION', { key, secret }, cause);
    if (name === 'DisabledException') return keyturnError('KEYRING_KEY_DISABLED', { key, secret }, cause);
  }
  if (name === 'InvalidCiphertextException' || name === 'IncorrectKeyException')
    return keyturnError('KEYRING_DENIED', { secret }, cause);
  if (denied.includes(name)) return keyturnError('KEYRING_ACCESS_DENIED', { action, key, secret }, cause);
  if (unusable.includes(name)) return keyturnError('KEYRING_KEY_UNUSABLE', { key, finding: name, secret }, cause);
  if (throttled.includes(name)) return keyturnError('KEYRING_THROTTLED', { secret }, cause);
  if (withoutCredentials.includes(name)) return keyturnError('KEYRING_CREDENTIALS_MISSING', { secret }, cause);
  return keyturnError('KEYRING_UNAVAILABLE', { secret }, cause);
}

/** True for what a dry run throws where the call would have been allowed. */
export function wouldSucceed(thrown: unknown): boolean {
  return namedBy(thrown).name === 'DryRunOperationException';
}

function namedBy(thrown: unknown): { readonly name: string; readonly message: string } {
  return thrown instanceof Error ? thrown : { name: typeof thrown, message: '' };
}
