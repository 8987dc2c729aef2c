import { type Classification, type ErrorFacts, type KeyturnError, isKeyturnError, keyturnError } from 'keyturn/rotator';

/** What an error of the server or of the line means to us, before it is known what was being done. */
export type Fault =
  /** The value was refused, or the account is off or not there: the server says the same of all three. */
  | 'login-refused'
  | 'privilege'
  /** Loading its data, in a script that does not end, or without its primary. */
  | 'busy'
  /** No connection is left. */
  | 'crowded'
  /** Not taken for what it was: no TLS, or a certificate that does not prove the name. */
  | 'identity'
  /** One of the access rules is none that this server knows. */
  | 'rule'
  /** It has no file for its accounts: what we change is lost when it restarts. */
  | 'no-file'
  /** The change was made, and the file of its accounts could not be written. */
  | 'unsaved'
  | 'line'
  /** The server said no for a reason that has no name here. */
  | 'other';

/** The first word of what the server said, and all of it; undefined for an error of the line or of the driver. */
export function serverSaid(error: unknown): { readonly word: string; readonly message: string } | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined;
  return { word: /^[A-Z]+/.exec(error.message)?.[0] ?? '', message: error.message };
}

/** Sorts an error of the server, the driver or the line. Pure. */
export function sortFault(error: unknown): Fault {
  const said = serverSaid(error);
  if (said === undefined) return isTlsFault(error) ? 'identity' : 'line';
  switch (said.word) {
    case 'WRONGPASS':
      return 'login-refused';
    case 'NOPERM':
      return 'privilege';
    case 'LOADING':
    case 'BUSY':
    case 'MASTERDOWN':
    case 'TRYAGAIN':
      return 'busy';
    default:
      return sortSentence(said.message);
  }
}

/** Errors that begin with `ERR` are told apart by their English, which Redis 7 and Valkey 8 share. */
function sortSentence(message: string): Fault {
  if (/max number of clients/.test(message)) return 'crowded';
  if (/^ERR Error in ACL SETUSER modifier/.test(message)) return 'rule';
  if (/not configured to use an ACL file/.test(message)) return 'no-file';
  if (/error trying to save the ACLs/.test(message)) return 'unsaved';
  return 'other';
}

function isTlsFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY)_|EPROTO$)/.test(code);
}

/** What was being done, for the error's sentence. */
export interface Doing {
  readonly endpoint: string;
  readonly secret: string;
  /** `create`, `disable`, … */
  readonly action: string;
  /** The command that grants what is missing, should a privilege be. */
  readonly cure: string;
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  /** True once a change may have been sent and its answer was not read. */
  readonly isSent: boolean;
}

/**
 * The error of the catalogue for a fault while the admin was at work. Where a change was sent and the line was lost, the
 * fact `outcome` says `unknown`.
 */
export function faultError(error: unknown, doing: Doing): KeyturnError {
  if (isKeyturnError(error)) return error;
  const { endpoint, secret, action, isSent } = doing;
  const outcome = isSent ? 'unknown' : 'none';
  const cause = scrubbed(error);
  if (doing.signal.aborted) return abortError(doing, outcome, cause);
  const facts: ErrorFacts = { endpoint, secret };
  const fault = sortFault(error);
  switch (fault) {
    case 'login-refused':
      return keyturnError('ADMIN_REFUSED', facts, cause);
    case 'privilege':
      return keyturnError('PRIVILEGE_MISSING', { ...facts, action, cure: doing.cure }, cause);
    case 'busy':
      return keyturnError('TARGET_BUSY', facts, cause);
    case 'crowded':
      return keyturnError('TARGET_THROTTLED', facts, cause);
    case 'identity':
      return keyturnError('TARGET_CHANGED', { ...facts, finding: 'it did not prove itself by TLS' }, cause);
    case 'rule': {
      const finding = `${endpoint} does not take one of the rules`;
      return keyturnError(
        'PREFLIGHT_FAILED',
        { ...facts, finding, cure: 'Mend `rules`; the server names the one.' },
        cause,
      );
    }
    case 'no-file': {
      const finding = noFile(endpoint);
      return keyturnError('PREFLIGHT_FAILED', { ...facts, finding, cure: fileCure }, cause);
    }
    case 'unsaved': {
      const name = 'the ACL file could not be written';
      return keyturnError('STEP_FAILED', { ...facts, step: action, name, outcome: 'unknown' }, cause);
    }
    case 'line':
      return keyturnError('TARGET_UNREACHABLE', { ...facts, outcome }, cause);
    case 'other':
      return keyturnError('STEP_FAILED', { ...facts, step: action, name: serverSaid(error)?.word ?? '' }, cause);
    default:
      return fault satisfies never;
  }
}

/** What a server without a file for its accounts lacks. */
export function noFile(endpoint: string): string {
  return `${endpoint} has no file for its accounts, so a restart would bring back the old ones`;
}

/** What gives a server such a file. Accounts in its own configuration file must go there first, or it does not start. */
export const fileCure =
  'Set `aclfile /etc/redis/users.acl` in its configuration, move the `user` lines there, and restart it.';

function abortError(doing: Doing, outcome: string, cause: unknown): KeyturnError {
  const reason: unknown = doing.signal.reason;
  if (isKeyturnError(reason)) return reason;
  const { endpoint, action, deadlineMs } = doing;
  return keyturnError('DEADLINE_EXCEEDED', { call: `${action} at ${endpoint}`, deadlineMs, outcome }, cause);
}

/** The driver hangs the whole command onto its errors, so only the words are kept. */
function scrubbed(error: unknown): Error {
  return new Error(error instanceof Error ? error.message : 'something that is not an error was thrown');
}

/** See `Rotator.classify`. Only for errors that escaped the sorting above. */
export function classify(error: unknown): Classification {
  switch (sortFault(error)) {
    case 'login-refused':
    case 'privilege':
      return 'rejected-by-authority';
    case 'busy':
    case 'crowded':
      return 'transient';
    case 'identity':
    case 'rule':
    case 'no-file':
    case 'unsaved':
    case 'line':
    case 'other':
    default:
      return 'unknown';
  }
}
