import { keyturnError } from './errors.js';
import { Secret, openSecret } from './secret.js';

/** What logs in: a public identity (role name, key id) and a value. */
export interface Credential {
  readonly identity: string;
  readonly value: Secret;
}

/** A credential as it is proposed: with a value where the origin is ours. */
export interface Proposal {
  readonly identity: string;
  readonly value?: Secret;
  /** Identities that were there before it. Only where the target keeps no tag: what is not among them is the rotation's. */
  readonly existing?: readonly string[];
}

/** The names under which a credential stands in the JSON object that the store holds and consumers read. */
export interface CredentialFields {
  readonly identity: string;
  readonly value: string;
}

/**
 * Writes a credential as consumers read it: `{"username":"app_a","password":"…"}`, in bytes.
 *
 * The value passes through a string for the length of this call; `docs/security.md` says where else it does.
 */
export function renderCredential(credential: Credential, fields: CredentialFields): Secret {
  return Secret.fromText(
    JSON.stringify({
      [fields.identity]: credential.identity,
      [fields.value]: new TextDecoder('utf-8', { fatal: true }).decode(openSecret(credential.value)),
    }),
  );
}

/**
 * Reads a credential as {@link renderCredential} wrote it. Further fields are ignored: people add host and port.
 *
 * *Errors* `CURRENT_UNREADABLE` without a cause, because a JSON parser quotes what it read.
 */
export function parseCredential(document: Secret, fields: CredentialFields, secret: string): Credential {
  const parsed = parseObject(document);
  const identity = parsed?.[fields.identity];
  const value = parsed?.[fields.value];
  if (typeof identity !== 'string' || typeof value !== 'string' || identity === '' || value === '') {
    throw keyturnError('CURRENT_UNREADABLE', { secret });
  }
  return { identity, value: Secret.fromText(value) };
}

function parseObject(document: Secret): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(openSecret(document)));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** The fewest bytes of a value that is worth storing: 16 bytes are 128 bits if every one of them were random. */
const MIN_VALUE_BYTES = 16;

/** The built-in store keeps 64 KiB of what the keyring makes of a value, which is a little more than the value. */
const MAX_VALUE_BYTES = 64_000;

/** What redacted views put where a value was. A value that contains one was read from such a view. */
const REDACTION_MARKS = ['[secret]', '[redacted]', '<redacted>', '****', '••••', 'REDACTED', '(sensitive value)'];

/**
 * Says why a value must not be written to the store (invariant I7), or `undefined` where it may.
 *
 * `previous` are values this secret has had; one of them again would be no rotation.
 */
export function unfitValue(
  value: Secret,
  previous: readonly Secret[],
  same: (a: Secret, b: Secret) => boolean,
): string | undefined {
  const bytes = openSecret(value);
  if (bytes.length === 0) return 'it is empty';
  if (bytes.length < MIN_VALUE_BYTES) return `it is shorter than ${MIN_VALUE_BYTES} bytes`;
  if (bytes.length > MAX_VALUE_BYTES) return `it is longer than ${MAX_VALUE_BYTES} bytes`;
  if (bytes.every((byte) => byte === bytes[0])) return 'all its bytes are the same';
  const text = new TextDecoder().decode(bytes);
  if (REDACTION_MARKS.some((mark) => text.includes(mark))) return 'it holds a redaction mark';
  if (previous.some((other) => same(value, other))) return 'it is the value the secret already has';
  return undefined;
}
