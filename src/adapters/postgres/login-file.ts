import { readFileSync } from 'node:fs';
import { parseCredential } from '../../core/credential.js';
import { keyturnError } from '../../core/errors.js';
import { Secret } from '../../core/secret.js';
import type { Login, LoginSource } from '../../ports/login.js';

/** What a login is called in a file, and in a secret that is written to one. */
const loginFields = { identity: 'username', value: 'password' } as const;

/**
 * The login in a file: `{"username":"…","password":"…"}`, as consumers of a PostgreSQL secret read it. Read at once, and
 * anew whenever it is asked for: where it cannot be read for a moment, or was left half written, what it said before holds.
 *
 * *Errors* `SETTING_INVALID` where it says nothing at first.
 */
export function loginFile(file: string): LoginSource {
  const first = tryLogin(file);
  if (first === undefined) throw unread(file);
  let known = first;
  return { current: () => (known = tryLogin(file) ?? known) };
}

function tryLogin(file: string): Login | undefined {
  try {
    return readLogin(file);
  } catch {
    return undefined;
  }
}

function readLogin(file: string): Login {
  const document = new Secret(new Uint8Array(readFileSync(file)));
  try {
    const { identity, value } = parseCredential(document, loginFields, file);
    return { user: identity, password: value };
  } finally {
    document.wipe();
  }
}

function unread(file: string): Error {
  return keyturnError('SETTING_INVALID', {
    setting: 'KEYTURN_DATABASE_URL',
    finding: `${file}, which loginfile names, holds no login`,
    cure: 'Write {"username":"…","password":"…"} there, readable by this process only.',
  });
}
