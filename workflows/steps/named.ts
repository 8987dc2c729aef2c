import {
  type Credential,
  type EndpointAnswer,
  type Named,
  type Plan,
  type Steps,
  ask,
  everywhere,
  keyturnError,
  parseCredential,
  whereAnswered,
} from 'keyturn/workflow';

/** The credential that `current` names, by content. What cannot be read is never "nothing". */
export function* readNamed(plan: Plan): Steps<Named> {
  const stored = yield* ask('store', 'read', 'current');
  if (stored === null) return { kind: 'nothing' };
  const { version, digest } = stored;
  try {
    const { identity } = parseCredential(stored.value, plan.fields, plan.path);
    return { kind: 'credential', version, digest, identity };
  } catch {
    // The parser's error says no more than that it could not be read.
    return { kind: 'unreadable' };
  }
}

/** The new credential of this rotation: the proposed identity with the sealed value. */
export function* openNew(plan: Plan, identity: string): Steps<Credential> {
  const value = yield* ask('sealed', 'open', 'new');
  if (value === null) throw keyturnError('KEYRING_DENIED', { secret: plan.path });
  return { identity, value };
}

/** The credential of a stored version, by its number. */
export function* openStored(plan: Plan, version: number): Steps<Credential> {
  const stored = yield* ask('store', 'read', version);
  if (stored === null) throw keyturnError('CURRENT_UNREADABLE', { secret: plan.path });
  return parseCredential(stored.value, plan.fields, plan.path);
}

/**
 * Logs in with a stored version. *Returns* who turns it away; null: it is accepted everywhere. Where that is unknown it
 * throws, to be asked again: a network fault is never a refusal.
 */
export function* refusedAt(plan: Plan, version: number): Steps<EndpointAnswer | null> {
  const answers = yield* ask('target', 'probe', yield* openStored(plan, version));
  if (everywhere(answers, 'accepted')) return null;
  const refused = whereAnswered(answers, 'refused', 'absent');
  if (refused !== undefined) return refused;
  throw keyturnError('TARGET_UNREACHABLE', {
    target: plan.target,
    endpoint: whereAnswered(answers, 'unknown')?.endpoint ?? '?',
  });
}
