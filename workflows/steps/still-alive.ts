import { type KeyturnError, type Moment, type Plan, keyturnError } from 'keyturn/workflow';

/**
 * What it means that a credential is accepted after it was destroyed: for as long as the target says that this takes it
 * (`propagationMs`), counted from when it was first seen to, nothing. After that it is alive, and a person must kill it.
 */
export function stillAlive(
  { path, target, capabilities: { propagationMs = 0 } }: Plan,
  { nowMs, acceptedMs }: Moment,
  endpoint: string,
  code: 'OLD_STILL_ALIVE' | 'UNDONE_STILL_ALIVE',
): KeyturnError {
  const since = acceptedMs === 0 ? nowMs : acceptedMs;
  if (nowMs - since < propagationMs)
    return keyturnError('STILL_ACCEPTED', { secret: path, target, endpoint, propagationMs });
  return keyturnError(code, { secret: path, endpoint });
}
