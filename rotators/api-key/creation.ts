import { type Credential, type Proposal, type RotatorContext, Secret, keyturnError } from 'keyturn/rotator';
import type { Call } from './call.js';
import { canFind, endpointOf } from './config.js';
import { fullness } from './fullness.js';
import type { Keys } from './keys.js';
import { type Listed, identityOf } from './listing.js';
import { writeTag } from './tag.js';
import { tryKey } from './trial.js';

/** Between two trials of a key that is not active yet. Milliseconds. */
const trialEveryMs = 250;

/** The name that a new key is given; where the provider keeps no tag, with what is there before it. */
export async function propose(
  keys: Keys,
  current: { readonly identity: string } | null,
  call: Call,
): Promise<Proposal> {
  const { name, exclusive } = keys.config;
  const identity = `${name}-${call.ctx.rotationId}`;
  if (exclusive !== true) return { identity };
  // A key that an earlier rotation has only just made must not pass for one of this rotation.
  const listed = (await keys.listed(call, 'settled')).map((each) => each.identity);
  return { identity, existing: [...new Set([...listed, ...(current === null ? [] : [current.identity])])] };
}

/**
 * Has the provider make a key. What an earlier try of this rotation has made, and nobody could read, is destroyed first.
 *
 * *Errors* `PRINCIPAL_IN_USE`, `TARGET_FULL`; `ANSWER_UNREADABLE` where a key may have been made that nobody can read.
 */
export async function create(
  keys: Keys,
  proposal: Proposal,
  call: Call,
): Promise<{ readonly identity: string; readonly value: Secret }> {
  const { config, provider } = keys;
  const { create: request } = config.requests;
  const { ctx } = call;
  await clearTheWay(keys, proposal, call);
  keys.fallBehind();
  const answer = await provider.ask('create', request, {
    filling: { name: proposal.identity, rotation: ctx.rotationId, tag: writeTag(config.tag, ctx) },
    headers: idempotency(keys, ctx),
    call,
  });
  if (answer.kind === 'gone') throw provider.unreadable('create', 'there is no such key, it says', 'unknown');
  const identity = identityOf(answer.at(request.identity));
  const value = answer.at(request.value);
  if (identity === undefined) {
    throw provider.unreadable('create', `what is at ${request.identity} of its answer is no identity`, 'unknown');
  }
  if (typeof value !== 'string' || value === '') {
    throw provider.unreadable('create', `what is at ${request.value} of its answer is no text`, 'unknown');
  }
  const made = { identity, value: Secret.fromText(value) };
  await awaitActive(keys, made, call);
  return made;
}

async function clearTheWay(keys: Keys, { identity, existing }: Proposal, call: Call): Promise<void> {
  const { config } = keys;
  if (!canFind(config) && config.maximum === undefined) return;
  const listed = await keys.listed(call, 'settled');
  const isOurs = ({ tag, identity: each }: Listed): boolean =>
    (tag.kind === 'ours' && tag.rotationId === call.ctx.rotationId) ||
    (config.exclusive === true && existing?.includes(each) === false);
  if (listed.some((each) => each.identity === identity && !isOurs(each))) {
    throw keyturnError('PRINCIPAL_IN_USE', { principal: identity, cure: 'destroy that key at the target.' });
  }
  for (const spare of listed.filter((each) => each.live && isOurs(each))) {
    await keys.change('destroy', config.requests.destroy, { ...spare, call });
  }
  const count = listed.filter((each) => each.live && !isOurs(each)).length;
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

/** A key that stays refused is judged by who asks next; here it is only given the time it needs. */
async function awaitActive(keys: Keys, made: Credential, call: Call): Promise<void> {
  const { activationMs } = keys.config;
  const beganMs = performance.now();
  while (performance.now() - beganMs < activationMs && call.leftMs > trialEveryMs) {
    const [found] = await tryKey(keys.provider, keys.config, { credential: made, call });
    if (found?.answer === 'accepted') return;
    await call.pause(Math.min(trialEveryMs, activationMs));
  }
}
