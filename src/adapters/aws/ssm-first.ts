import { parseCredential } from '../../core/credential.js';
import { keyturnError } from '../../core/errors.js';
import { shadowSuffix } from '../../core/parameter-path.js';
import { type Secret, sameSecret } from '../../core/secret.js';
import type { Scope } from '../../ports/step-ports.js';
import { type HistoryEntry, SsmCalls, type SsmParts } from './ssm-calls.js';
import { SsmMirror } from './ssm-mirror.js';
import type { SsmStoreParts } from './ssm-store.js';
import { refuseUnfit } from './ssm-value.js';

/**
 * Puts the first version of a secret by a person and labels it `current`. No rotation of it is open: the caller has
 * made sure. Two people at the same moment make two versions, of which the later is current.
 *
 * *Errors* `VERSION_EXISTS` where there is a current one, `VALUE_UNFIT`; those of writes.
 */
export async function ssmPutFirst(parts: SsmParts, scope: Scope, value: Secret): Promise<number> {
  refuseUnfit(scope, value);
  const calls = new SsmCalls(parts);
  const entries = await calls.history(scope);
  refuseSecond(scope, entries);
  const version = await calls.put(scope, { value, description: entries.at(-1)?.description ?? '' });
  await calls.label(scope, { version, labels: ['current'], remove: false });
  return version;
}

/**
 * The same where consumers read bare names. What they read already is never written over: the credential that is put
 * must be that one, and it is kept as it stands there. Where they read nothing, or one that a rotation has undone, they
 * read this one before it has its label.
 *
 * *Errors* as {@link ssmPutFirst}; `VALUE_UNFIT` also where applications read another credential.
 */
export async function shadowPutFirst(parts: SsmStoreParts, scope: Scope, value: Secret): Promise<number> {
  refuseUnfit(scope, value);
  const versions = new SsmCalls(parts, shadowSuffix);
  const bare = new SsmCalls(parts);
  const entries = await versions.history(scope);
  refuseSecond(scope, entries);
  const { mirrored, kept } = await new SsmMirror(parts, versions).look(scope, entries);
  const read = mirrored === null ? null : await bare.value(scope, mirrored.version);
  const isRead = read !== null && isSame(scope, read.value, value);
  if (mirrored !== null && mirrored.of === null && !isRead) {
    const finding = 'applications read another one under its bare name; put that one, or delete the parameter first';
    throw keyturnError('VALUE_UNFIT', { secret: scope.plan.secret, finding });
  }
  const description = entries.at(-1)?.description ?? '';
  const version = await versions.put(scope, { value: isRead ? read.value : value, description });
  if (!isRead) await bare.put(scope, { value, description: kept.at(-1)?.description ?? '' });
  await versions.label(scope, { version, labels: ['current'], remove: false });
  read?.value.wipe();
  return version;
}

function refuseSecond({ plan: { path, environment } }: Scope, entries: readonly HistoryEntry[]): void {
  const current = entries.find(({ labels }) => labels.includes('current'));
  if (current !== undefined)
    throw keyturnError('VERSION_EXISTS', { secret: path, environment, version: current.version });
}

/** The same credential, however it is written down. */
function isSame({ plan: { fields, path } }: Scope, one: Secret, other: Secret): boolean {
  try {
    const [left, right] = [parseCredential(one, fields, path), parseCredential(other, fields, path)];
    const same = left.identity === right.identity && sameSecret(left.value, right.value);
    left.value.wipe();
    right.value.wipe();
    return same;
  } catch {
    return false;
  }
}
