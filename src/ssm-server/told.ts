import { type ErrorCode, isKeyturnError } from '../core/errors.js';
import { WireError } from './wire-error.js';

/** What became of the key that values are sealed with: SSM has one error for all of it, and says the rest in words. */
const keyStates: Readonly<Partial<Record<ErrorCode, string>>> = {
  KEYRING_DENIED: 'The keyring cannot open or seal this value.',
  KEYRING_ACCESS_DENIED: 'The store is not allowed to use the key that this value is sealed with.',
  KEYRING_KEY_DISABLED: 'The key that this value is sealed with is disabled.',
  KEYRING_KEY_PENDING_DELETION: 'The key that this value is sealed with is pending deletion.',
  KEYRING_KEY_UNUSABLE: 'The key that this value is sealed with cannot be used.',
};

/** What the caller is told of an error. Ours are told by what they mean for them; `onError` hears the code of each. */
export function told(error: unknown, onError: (code: string) => void): WireError {
  if (error instanceof WireError) return error;
  if (isKeyturnError(error) && error.facts['isBusy'] === true)
    return new WireError('TooManyUpdates', 'There are concurrent updates for a resource. Try again later.');
  const code: ErrorCode | 'internal' = isKeyturnError(error) ? error.code : 'internal';
  onError(code);
  return new WireError('InternalServerError', 'An error occurred on the server side.', 500);
}

/** The same where the caller is known: they may hear of the key as well. Nobody mends that by asking again. */
export function toldOfCall(error: unknown, onError: (code: string) => void): WireError {
  const answer = told(error, onError);
  if (!isKeyturnError(error)) return answer;
  if (error.code === 'KEYRING_THROTTLED') return new WireError('ThrottlingException', 'Rate exceeded');
  const state = keyStates[error.code];
  return state === undefined ? answer : new WireError('InvalidKeyId', state);
}
