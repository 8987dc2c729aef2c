import { parseCredential, unfitValue } from '../../core/credential.js';
import { keyturnError } from '../../core/errors.js';
import { type Secret, openSecret, sameSecret } from '../../core/secret.js';
import type { Scope } from '../../ports/step-ports.js';

/** Of the standard tier. https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html */
const mostBytes = 4_096;

/** Invariant I7: nothing that was read from a redacted view, and nothing guessable, is ever stored. */
export function refuseUnfit({ plan }: Scope, document: Secret): void {
  const finding = unfitDocument(document, plan);
  if (finding !== undefined) throw keyturnError('VALUE_UNFIT', { secret: plan.secret, finding });
}

function unfitDocument(document: Secret, { fields, secret }: Scope['plan']): string | undefined {
  if (openSecret(document).length > mostBytes) return `with its identity it is longer than ${mostBytes} bytes`;
  let credential: Secret;
  try {
    credential = parseCredential(document, fields, secret).value;
  } catch {
    return 'it is not the JSON of a credential';
  }
  const finding = unfitValue(credential, [], sameSecret);
  credential.wipe();
  // SSM takes them for a reference to another parameter, and refuses them.
  return finding ?? (new TextDecoder().decode(openSecret(document)).includes('{{') ? 'it holds {{' : undefined);
}
