import type { Secret } from '../core/secret.js';

/** As whom a session with a database of our own is opened. */
export interface Login {
  readonly user: string;
  readonly password: Secret;
}

/** Says it anew for every session, because it may be rotated meanwhile. */
export interface LoginSource {
  /** Never throws: where it cannot be known now, what was known before holds. */
  readonly current: () => Login;
}
