import { randomBytes } from 'node:crypto';
import { type Credential, type Proposal, type RotatorContext, Secret, keyturnError } from 'keyturn/rotator';
import type { Call } from './call.js';
import { type ApiKeyConfig, canFind, endpointOf, isOurs } from './config.js';
import { fullness } from './fullness.js';
import type { Keys } from './keys.js';
import { type Listed, identityOf } from './listing.js';
import type { Expected } from './provider.js';
import { writeTag } from './tag.js';
import { tryKey } from './trial.js';

/** Between two trials of a key that is not active yet. Milliseconds. */
const trialEveryMs = 250;

/** The name that a new key is given. With its value where that is ours; without a tag, with what is there before it. */
export async function propose(
  keys: Keys,
  current: { readonly identity: string } | null,
  call: Call,
): Promise<Proposal> {
  const { name, exclusive } = keys.config;
  const identity = `${name}-${call.ctx.rotationId}`;
  if (isOurs(keys.config)) return { identity, value: Secret.fromText(randomBytes(32).toString('base64url')) };
  if (exclusive !== true) return { identity };
  // A key that an earlier rotation has only just made must not pass for one of this rotation.
  const listed = (await keys.listed(call, 'settled')).map((each) => each.identity);
  return { identity, existing: [...new Set([...listed, ...(current === null ? [] : [current.identity])])] };
}

/**
 * Has the provider make a key. What an earlier try of this rotation has made is destroyed first where nobody could read
 * it, and finished where its value is ours.
 *
 * *Returns* the value where it is the provider's.
 *
 * *Errors* `PRINCIPAL_IN_USE`, `TARGET_FULL`; `ANSWER_UNREADABLE` where a key may have been made that nobody can read.
 */
export async function create(
  keys: Keys,
  proposal: Proposal,
  call: Call,
): Promise<{ readonly identity: string; readonly value?: Secret }> {
  const { config, provider } = keys;
  const { create: request } = config.requests;
  const { ctx } = call;
  const ours = chosen(config, proposal);
  await clearTheWay(keys, proposal, call);
  keys.fallBehind();
  const answer = await provider.ask('create', request, {
    filling: { name: proposal.identity, rotation: ctx.rotationId, tag: writeTag(config.tag, ctx), value: ours?.value },
    headers: idempotency(keys, ctx),
    call,
  });
  if (answer.kind === 'gone') throw provider.unreadable('create', 'there is no such key, it says', 'unknown');
  const made = ours ?? shownIn(answer, keys);
  await awaitActive(keys, made, call);
  return ours === undefined ? made : { identity: ours.identity };
}

/** What we have chosen ourselves; undefined: the provider's answer has both. */
function chosen(config: ApiKeyConfig, { identity, value }: Proposal): Credential | undefined {
  if (!isOurs(config)) return undefined;
  if (value === undefined) throw keyturnError('VALUE_REJECTED', { endpoint: endpointOf(config) });
  return { identity, value };
}

function shownIn(answer: Extract<Expected, { kind: 'ok' }>, { config, provider }: Keys): Credential {
  // The schema has seen to it that both are there.
  const { identity: identityAt = '', value: valueAt = '' } = config.requests.create;
  const identity = identityOf(answer.at(identityAt));
  const value = answer.at(valueAt);
  if (identity === undefined) {
    throw provider.unreadable('create', `what is at ${identityAt} of its answer is no identity`, 'unknown');
  }
  if (typeof value !== 'string' || value === '') {
    throw provider.unreadable('create', `what is at ${valueAt} of its answer is no text`, 'unknown');
  }
  return { identity, value: Secret.fromText(value) };
}

async function clearTheWay(keys: Keys, { identity, existing }: Proposal, call: Call): Promise<void> {
  const { config } = keys;
  const chosenByUs = isOurs(config);
  if (!canFind(config) && config.maximum === undefined) return;
  const listed = await keys.listed(call, 'settled');
  const isMade = ({ tag, identity: each }: Listed): boolean =>
    (tag.kind === 'ours' && tag.rotationId === call.ctx.rotationId) ||
    (config.exclusive === true && existing?.includes(each) === false);
  if (listed.some((each) => each.identity === identity && !isMade(each))) {
    throw keyturnError('PRINCIPAL_IN_USE', { principal: identity, cure: 'destroy that key at the target.' });
  }
  // Of a value that is ours nobody has lost anything: what is there is finished, and never out of use in between.
  const isFinished = (each: Listed): boolean => chosenByUs && each.identity === identity;
  for (const spare of listed.filter((each) => each.live && isMade(each) && !isFinished(each))) {
    await keys.change('destroy', config.requests.destroy, { ...spare, call });
  }
  const count = listed.filter((each) => each.live && !isMade(each)).length;
  if (config.maximum === undefined || count < config.maximum) return;
  throw keyturnError('TARGET_FULL', { endpoint: endpointOf(config), ...fullness(config.maximum, count) });
}

/**
 * Where a spare can be found it has been destroyed, and a provider that repeats its answer would repeat that of the
 * destroyed one: each try then has an idempotency key of its own.
 */
function idempotency(
  { config }: Keys,
  { rotationId, fence, attempt }: RotatorContext,
): Readonly<Record<string, string>> {
  const { idempotencyHeader } = config;
  if (idempotencyHeader === undefined) return {};
  return { [idempotencyHeader]: canFind(config) ? `${rotationId}.${fence.epoch}.${attempt}` : rotationId };
}

/**
 * A key that stays refused is judged by who asks next; here it is only given the time it needs. A call that ends meanwhile
 * has made the key all the same: its value is handed back and not lost to an error.
 */
async function awaitActive(keys: Keys, made: Credential, call: Call): Promise<void> {
  const { activationMs } = keys.config;
  const beganMs = performance.now();
  while (performance.now() - beganMs < activationMs && call.leftMs > trialEveryMs && !call.signal.aborted) {
    const [found] = await tryKey(keys.provider, keys.config, { credential: made, call });
    if (found?.answer === 'accepted') return;
    await call.pause(Math.min(trialEveryMs, activationMs)).catch(() => undefined);
  }
}
