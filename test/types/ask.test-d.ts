import type { Steps } from 'keyturn/workflow';
import { ask } from 'keyturn/workflow';
import { Secret } from 'keyturn/rotator';

/** What is allowed compiles, and answers are typed by the member that was asked. */
export function* allowed(): Steps<number> {
  const stored = yield* ask('store', 'read', 'current');
  const answers = yield* ask('target', 'probe', { identity: 'app', value: Secret.fromText('value') });
  const { held } = yield* ask('standing', 'read');
  return held ? answers.length : (stored?.version ?? 0);
}

export function* unknownPort(): Steps<void> {
  // @ts-expect-error asking a port that does not exist
  yield* ask('queue', 'ring');
}

export function* engineOnly(): Steps<void> {
  // @ts-expect-error asking a port that only the engine may ask
  yield* ask('journal', 'append');
}

export function* unknownMember(): Steps<void> {
  // @ts-expect-error asking a port member that does not exist
  yield* ask('store', 'delete', 1);
}

export function* wrongLabel(): Steps<void> {
  // @ts-expect-error asking with an argument that is no label
  yield* ask('store', 'read', 'latest');
}

export function* missingArgument(): Steps<void> {
  // @ts-expect-error asking without the arguments that the member needs
  yield* ask('target', 'destroy', 'app');
}

export function* textForSecret(): Steps<void> {
  // @ts-expect-error asking with text where a Secret is wanted
  yield* ask('store', 'putPending', '{"username":"app"}');
}

export function* wrongAnswer(): Steps<void> {
  // @ts-expect-error an answer has the type of the member that was asked
  const version: string = (yield* ask('store', 'read', 'current'))?.version ?? '';
  void version;
}

export function* maybeNothing(): Steps<number> {
  const stored = yield* ask('store', 'read', 'pending');
  // @ts-expect-error a version that may not be there is looked at first
  return stored.version;
}
