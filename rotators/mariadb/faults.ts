import { type Classification, type ErrorFacts, type KeyturnError, isKeyturnError, keyturnError } from 'keyturn/rotator';

/** What an error of the server or of the line means to us, before it is known what was being done. */
export type Fault =
  /** The value was refused, or the account is locked or not there, or not for our address. */
  | 'login-refused'
  | 'privilege'
  /** Its database or its tables are not there. */
  | 'no-schema'
  | 'busy'
  /** No connection is left. */
  | 'crowded'
  /** Not taken for what it was: no TLS, or a certificate that does not prove the name. */
  | 'identity'
  | 'value'
  /** The server wants to see passwords, to judge them, and is sent digests. */
  | 'wants-passwords'
  /** The line, the server going down, or a replica where the primary should be. */
  | 'line'
  /** The server said no for a reason that has no name here. */
  | 'other';

/** What the server said: its number, of which there is one for each reason. */
export interface ServerSaid {
  readonly number: number;
  readonly message: string;
}

/** Reads an error of the server; undefined for one of the line or of the driver. */
export function serverSaid(error: unknown): ServerSaid | undefined {
  if (!(error instanceof Error) || !('sqlState' in error) || !('errno' in error)) return undefined;
  return typeof error.errno === 'number' ? { number: error.errno, message: error.message } : undefined;
}

/** Sorts an error of the server, the driver or the line. Pure. Numbers: https://mariadb.com/kb/en/mariadb-error-codes/ */
export function sortFault(error: unknown): Fault {
  const said = serverSaid(error);
  if (said === undefined) return isTlsFault(error) ? 'identity' : 'line';
  switch (said.number) {
    case 1045:
    case 1698:
    case 4151: // locked
      return 'login-refused';
    case 1044:
    case 1142:
    case 1143:
    case 1227:
    case 1370:
    case 1959: // a role we may not grant
      return 'privilege';
    case 1049:
    case 1146:
      return 'no-schema';
    case 1205:
    case 1213:
    case 1969: // max_statement_time
      return 'busy';
    case 1040:
    case 1203:
    case 1226:
      return 'crowded';
    case 1819:
      return 'value';
    case 1290: // Some option prevents it, and the message alone says which.
      return /strict-password-validation/.test(said.message) ? 'wants-passwords' : 'line';
    case 1053:
    case 1836:
    case 1927:
      return 'line';
    default:
      return 'other';
  }
}

function isTlsFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY)_|EPROTO$|HANDSHAKE_(NO_)?SSL_)/.test(
    code,
  );
}

/** What was being done, for the error's sentence. */
export interface Doing {
  readonly endpoint: string;
  readonly secret: string;
  /** `create`, `disable`, … */
  readonly action: string;
  /** The SQL that mends what the admin lacks. */
  readonly cure: string;
  readonly schemaCure: string;
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  /** False while we are logging in: later "access denied" is about a privilege, under the same number. */
  readonly isLoggedIn: boolean;
  /** True once a change may have been sent and its answer was not read. */
  readonly isSent: boolean;
}

/**
 * The error of the catalogue for a fault while the admin was at work. Where a change was sent and the line was lost, the
 * fact `outcome` says `unknown`: the server ends a statement it has begun.
 */
export function faultError(error: unknown, doing: Doing): KeyturnError {
  if (isKeyturnError(error)) return error;
  const { endpoint, secret, action } = doing;
  const outcome = doing.isSent ? 'unknown' : 'none';
  const cause = scrubbed(error);
  if (doing.signal.aborted) return abortError(doing, outcome, cause);
  const facts: ErrorFacts = { endpoint, secret };
  const fault = sortFault(error);
  switch (fault) {
    case 'login-refused':
      if (!doing.isLoggedIn) return keyturnError('ADMIN_REFUSED', facts, cause);
      return keyturnError('PRIVILEGE_MISSING', { ...facts, action, cure: doing.cure }, cause);
    case 'privilege':
      return keyturnError('PRIVILEGE_MISSING', { ...facts, action, cure: doing.cure }, cause);
    case 'no-schema': {
      const finding = `${endpoint} does not have the tables of Keyturn`;
      return keyturnError('PREFLIGHT_FAILED', { ...facts, finding, cure: doing.schemaCure }, cause);
    }
    case 'busy':
      return keyturnError('TARGET_BUSY', facts, cause);
    case 'crowded':
      return keyturnError('TARGET_THROTTLED', facts, cause);
    case 'identity':
      return keyturnError('TARGET_CHANGED', { ...facts, finding: 'it did not prove itself by TLS' }, cause);
    case 'value':
      return keyturnError('VALUE_REJECTED', facts, cause);
    case 'wants-passwords': {
      const finding = wantsPasswords(endpoint);
      return keyturnError('PREFLIGHT_FAILED', { ...facts, finding, cure: passwordsCure }, cause);
    }
    case 'line':
      return keyturnError('TARGET_UNREACHABLE', { ...facts, outcome }, cause);
    case 'other': {
      const name = String(serverSaid(error)?.number ?? 'unnamed');
      return keyturnError('STEP_FAILED', { ...facts, step: action, name, outcome: 'none' }, cause);
    }
    default:
      return fault satisfies never;
  }
}

/** What is wrong where a plugin judges passwords: it is shown none. */
export function wantsPasswords(endpoint: string): string {
  return `${endpoint} takes only passwords that it can judge, and Keyturn sends digests`;
}

/** What lets a server take digests while it goes on judging the passwords of people. */
export const passwordsCure = 'SET GLOBAL strict_password_validation = OFF; -- and in its configuration file';

function abortError(doing: Doing, outcome: string, cause: unknown): KeyturnError {
  const reason: unknown = doing.signal.reason;
  if (isKeyturnError(reason)) return reason;
  const { endpoint, action, deadlineMs } = doing;
  return keyturnError('DEADLINE_EXCEEDED', { call: `${action} at ${endpoint}`, deadlineMs, outcome }, cause);
}

/** The driver hangs the statement onto its errors, and the server quotes from it: the number is all that is kept. */
function scrubbed(error: unknown): Error {
  const said = serverSaid(error);
  if (said !== undefined) return new Error(`MariaDB error ${said.number}`);
  return new Error(error instanceof Error ? error.message : 'something that is not an error was thrown');
}

/** See `Rotator.classify`. Only for errors that escaped the sorting above. */
export function classify(error: unknown): Classification {
  switch (sortFault(error)) {
    case 'value':
      return 'rejected-by-policy';
    case 'privilege':
    case 'login-refused':
      return 'rejected-by-authority';
    case 'busy':
    case 'crowded':
      return 'transient';
    case 'no-schema':
    case 'wants-passwords':
    case 'identity':
    case 'line':
    case 'other':
    default:
      return 'unknown';
  }
}
