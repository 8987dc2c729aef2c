import { isKeyturnError } from '../../core/errors.js';

/**
 * What may be told of an error that met the queue: its code (`ECONNREFUSED`, `42P01`, one of the catalogue) or else its
 * class. Its message is never read: drivers put hosts, users and even the AUTH command with its password there.
 */
export function errorName(error: unknown): string {
  if (isKeyturnError(error)) return error.code;
  const code = codeOf(error);
  if (code !== undefined) return code;
  if (error instanceof AggregateError && error.errors.length > 0) return errorName(error.errors[0]);
  return error instanceof Error && /^[A-Z]\w{0,40}$/.test(error.name) ? error.name : 'unknown';
}

/**
 * True where the server itself refused: a missing table, a missing privilege, a read-only replica. BullMQ's worker asks
 * again at once and for ever, so such an error that repeats must end the worker.
 */
export function isRefusal(error: unknown): boolean {
  return (error instanceof Error && error.name === 'ReplyError') || /^[0-9A-Z]{5}$/.test(codeOf(error) ?? '');
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{2,40}$/.test(code) ? code : undefined;
}
