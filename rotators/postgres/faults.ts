import { type Classification, type ErrorFacts, type KeyturnError, isKeyturnError, keyturnError } from 'keyturn/rotator';

/** What an error of the server or of the line means to us, before it is known what was being done. */
export type Fault =
  /** The value was refused, or the role may not log in. */
  | 'login-refused'
  /** We were let in and not let through: no such database, or no privilege to connect to it. */
  | 'not-let-through'
  | 'privilege'
  | 'busy'
  /** Not taken for what it was: no TLS, or a certificate that does not prove the name. */
  | 'identity'
  | 'value'
  | 'timeout'
  /** No connection or no memory left. */
  | 'crowded'
  /** The line, or the server going down, coming up, or being a standby. */
  | 'line'
  /** The server said no for a reason that has no name here. */
  | 'other';

/** What the server said. Text from the server never holds our SQL; its detail and hint are left out all the same. */
export interface ServerSaid {
  readonly sqlState: string;
  /** The function of the server that said it; poolers send none. Messages are translated, this is not. */
  readonly routine: string | undefined;
  readonly message: string;
}

/** Reads an error of the server; undefined for one of the line or of the driver. */
export function serverSaid(error: unknown): ServerSaid | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('severity' in error)) return undefined;
  const { code, message } = error;
  const routine = 'routine' in error && typeof error.routine === 'string' ? error.routine : undefined;
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return undefined;
  return { sqlState: code, routine, message };
}

/** Sorts an error of the server, the driver or the line. Pure. */
export function sortFault(error: unknown): Fault {
  const said = serverSaid(error);
  if (said !== undefined) return sortSaid(said);
  if (isTlsFault(error)) return 'identity';
  return 'line';
}

function sortSaid({ sqlState, routine }: ServerSaid): Fault {
  switch (sqlState) {
    case '28P01':
      return 'login-refused';
    case '28000':
      return sortSpecification(routine);
    case '3D000':
      return 'not-let-through';
    case '42501':
      // Said while logging in, it is about the database; no change of ours is made by that function.
      return routine === 'CheckMyDatabase' ? 'not-let-through' : 'privilege';
    case 'XX000': // tuple concurrently updated
    case '40001':
    case '40P01':
    case '55P03':
    case '55006':
      return 'busy';
    case '57014':
      return 'timeout';
    case '22023':
      return 'value';
    case '25006': // The first endpoint is a standby now.
      return 'line';
    default:
      if (sqlState.startsWith('53')) return 'crowded';
      return /^(08|25P|57P|58)/.test(sqlState) ? 'line' : 'other';
  }
}

/**
 * 28000 has three speakers. What pg_hba.conf says of *our* address says nothing of the password, and a consumer
 * elsewhere may still get in: that is no refusal.
 */
function sortSpecification(routine: string | undefined): Fault {
  if (routine === 'InitializeSessionUserId' || routine === 'auth_failed') return 'login-refused';
  return 'other';
}

function isTlsFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return (
    /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY)_|EPROTO$)/.test(code) ||
    /SSL connection/.test(error.message)
  );
}

/** What was being done, for the error's sentence. */
export interface Doing {
  readonly endpoint: string;
  readonly secret: string;
  /** `create`, `disable`, … */
  readonly action: string;
  /** The SQL that grants what is missing, should a privilege be. */
  readonly cure: string;
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
}

/**
 * The error of the catalogue for a fault while the admin was at work.
 *
 * `committing` is true once COMMIT may have been sent and its answer was not read. A lost line or a deadline then leaves
 * open whether the change was made: the fact `outcome` says `unknown` instead of `none`. A refusal of the server is
 * definite even then, because a script ends with its first error.
 */
export function faultError(error: unknown, doing: Doing, committing: boolean): KeyturnError {
  if (isKeyturnError(error)) return error;
  const { endpoint, secret } = doing;
  const outcome = committing ? 'unknown' : 'none';
  const cause = scrubbed(error);
  if (doing.signal.aborted) return abortError(doing, outcome, cause);
  const facts: ErrorFacts = { endpoint, secret };
  const fault = sortFault(error);
  switch (fault) {
    case 'login-refused':
      return keyturnError('ADMIN_REFUSED', facts, cause);
    case 'privilege':
    case 'not-let-through':
      return keyturnError('PRIVILEGE_MISSING', { ...facts, action: doing.action, cure: doing.cure }, cause);
    case 'busy':
      return keyturnError('TARGET_BUSY', facts, cause);
    case 'identity':
      return keyturnError('TARGET_CHANGED', { ...facts, finding: 'it did not prove itself by TLS' }, cause);
    case 'value':
      return keyturnError('VALUE_REJECTED', facts, cause);
    case 'timeout':
      return keyturnError('TARGET_BUSY', { ...facts, outcome: 'none' }, cause);
    case 'crowded':
      return keyturnError('TARGET_THROTTLED', { ...facts, outcome: 'none' }, cause);
    case 'line':
      return keyturnError('TARGET_UNREACHABLE', { ...facts, outcome }, cause);
    case 'other':
      return keyturnError(
        'STEP_FAILED',
        { ...facts, step: doing.action, name: nameOfError(error), outcome: 'none' },
        cause,
      );
    default:
      return fault satisfies never;
  }
}

function abortError(doing: Doing, outcome: string, cause: unknown): KeyturnError {
  const reason: unknown = doing.signal.reason;
  if (isKeyturnError(reason)) return reason;
  const { endpoint, action, deadlineMs } = doing;
  return keyturnError('DEADLINE_EXCEEDED', { call: `${action} at ${endpoint}`, deadlineMs, outcome }, cause);
}

/** What is kept of the original: its code and its own words. */
function scrubbed(error: unknown): Error {
  const said = serverSaid(error);
  if (said !== undefined) return new Error(`${said.sqlState} ${said.message}`);
  return new Error(error instanceof Error ? error.message : 'something that is not an error was thrown');
}

const nameOfError = (error: unknown): string => serverSaid(error)?.sqlState ?? 'unnamed';

/** See `Rotator.classify`. Only for errors that escaped the sorting above. */
export function classify(error: unknown): Classification {
  switch (sortFault(error)) {
    case 'value':
      return 'rejected-by-policy';
    case 'privilege':
    case 'login-refused':
    case 'not-let-through':
      return 'rejected-by-authority';
    case 'busy':
    case 'timeout':
    case 'crowded':
      return 'transient';
    case 'identity':
    case 'line':
    case 'other':
    default:
      return 'unknown';
  }
}
