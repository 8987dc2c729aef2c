import { ALIAS_MAX_AGE_MS } from '../../src/core/evidence.js';
import { type SimulatedConsumer, addressOf } from './consumers.js';
import type { Broken } from './effect-truth.js';
import type { Ground } from './ground.js';
import type { Life } from './life.js';

/** What is true at the instant at which the old credential is about to be revoked. */
export interface Instant {
  readonly ground: Ground;
  readonly life: Life;
  readonly nowMs: number;
  /** When the intent was committed: what changed afterwards no guard could see. Milliseconds since 1970. */
  readonly intendedMs: number;
  readonly held: boolean;
  readonly waived: readonly string[];
  readonly consumer: (name: string) => SimulatedConsumer | undefined;
}

/**
 * I2, clause by clause, over what is really so rather than over what any gate has seen. A guard judges facts of up to
 * five seconds ago, so what a person changed since then is excused, and nothing else.
 */
export function* judgeDisable(at: Instant): Generator<Broken> {
  const { life, intendedMs } = at;
  const say = (clause: string, what: string): Broken => ({ invariant: 'I2', what: `(${clause}) disable: ${what}` });
  yield* judgeBoth(at, say);
  const { plan } = life;
  const graceMs = Math.max(plan.policy.graceMs, ...plan.consumers.map((each) => each.cacheTtlMs));
  if (life.promotedMs === null) yield say('d', 'nothing was promoted');
  else if (intendedMs - life.promotedMs < graceMs) yield say('d', `${intendedMs - life.promotedMs} ms after promote`);
  yield* judgeQuiet(at, life.promotedMs ?? 0, say);
}

/** The clauses that hold again, and the watch window, and that the old one is off. */
export function* judgeDestroy(at: Instant): Generator<Broken> {
  const { ground, life, intendedMs } = at;
  const { plan, old } = life;
  const say = (clause: string, what: string): Broken => ({ invariant: 'I2', what: `(${clause}) destroy: ${what}` });
  yield* judgeBoth(at, say);
  if (plan.capabilities.overlap === 'one-live' || old === null) return;
  if (life.disabledMs === null) yield say('W', 'it was never disabled');
  else if (intendedMs - life.disabledMs < plan.policy.watchMs)
    yield say('W', `${intendedMs - life.disabledMs} ms after disable`);
  const isNeeded = ground.toldRefusals.some(
    ({ identity, from, atMs }) =>
      identity === old.identity &&
      // What was told before a person let it go on, that person has seen.
      atMs > Math.max(life.disabledMs ?? 0, life.steeredMs) &&
      plan.consumers.some(({ name, sources }) => sources !== undefined && addressOf(name) === from),
  );
  if (isNeeded && plan.exposed !== true && life.lost === null)
    yield say('W', 'a consumer was refused with the old one, and that was told');
  if (!plan.capabilities.disable) yield* judgeQuiet(at, life.disabledMs ?? 0, say);
  else if (ground.target.live().includes(old.identity) && !ground.touched.has(old.identity))
    yield say('h', 'the old credential can log in');
}

/** (a) label, (b) accepted, (c) proved, (f) hold, (g) system. */
function* judgeBoth(at: Instant, say: (clause: string, what: string) => Broken): Generator<Broken> {
  const { ground, life, intendedMs } = at;
  const current = ground.current();
  const seenMs = life.version === null ? 0 : (ground.aliasReads.get(life.version) ?? 0);
  const isMoved = ground.handMove !== null && ground.handMove.atMs >= intendedMs - ALIAS_MAX_AGE_MS;
  if (current?.version !== life.version && !isMoved) yield say('a', 'current is not on the new version');
  if (seenMs < intendedMs - ALIAS_MAX_AGE_MS) yield say('a', 'nobody has read the label lately');
  if (current?.version === life.version && current !== null) {
    const identity = ground.credentialIn(current)?.identity ?? '';
    if (!ground.works(current) && !ground.broken.has(identity)) yield say('b', 'the new credential is refused');
  }
  for (const { name, required } of life.plan.consumers) {
    const consumer = at.consumer(name);
    if (!required || at.waived.includes(name) || consumer === undefined || !consumer.isHonest) continue;
    // Who read what a person had put there since has proved it before.
    const isMisled = isMoved || ground.wasMovedSince(life.promotedMs ?? 0);
    if (life.version !== null && !consumer.holds(life.version) && !isMisled && !isOff(at))
      yield say('c', `${name} does not hold the new version`);
  }
  if (at.held) yield say('f', 'the secret is held');
  if (ground.system !== life.system && ground.systemSinceMs < intendedMs - ALIAS_MAX_AGE_MS)
    yield say('g', 'the target is another system');
}

/** Once the old one is off, who proved before it is not asked again. */
function isOff({ life }: Instant): boolean {
  return life.disabledMs !== null && life.plan.capabilities.disable;
}

/** (e): nobody opened a session with the old identity for Q, as far as any look could see. */
function* judgeQuiet(at: Instant, sinceMs: number, say: (clause: string, what: string) => Broken): Generator<Broken> {
  const { ground, life, intendedMs } = at;
  const { plan, old } = life;
  if (old === null || !plan.capabilities.usage) return;
  const lookedMs = intendedMs - ALIAS_MAX_AGE_MS;
  const { quietMs, maxSessionAgeMs } = plan.policy;
  const openedMs = ground.openings.last(old.identity, lookedMs);
  if (openedMs !== null && openedMs >= sinceMs && intendedMs - openedMs < quietMs)
    yield say('e', `a session with the old one was opened ${intendedMs - openedMs} ms ago`);
  for (const eachMs of ground.target.sessionsOf(old.identity)) {
    if (eachMs > lookedMs) continue;
    if (intendedMs - eachMs < maxSessionAgeMs || !plan.capabilities.endsSessions)
      yield say('e', `a session with the old one is open since ${intendedMs - eachMs} ms`);
  }
}
