import { field, listIn, numberIn } from './journaled-value.js';
import type { Past, PastStep } from './past.js';

// Invariant I2, said a second time. Nothing here is shared with `revoke-guard.ts`, `evidence.ts` or `observation.ts`:
// a clause that is lost or turned round there must show here. The numbers are those of INVARIANTS.md.
const LABEL_MAX_AGE_MS = 5_000;
const LOGIN_MAX_AGE_MS = 60_000;
const PROOF_MAX_AGE_MS = 60_000;

/** An intent to take the old credential away, and what the journal said until then. */
interface Revoke {
  readonly past: Past;
  readonly step: PastStep;
  readonly atMs: number;
  /** What people had said, as the intent recorded it; undefined in older journals. */
  readonly standing: unknown;
  /** What the gate before it handed on. */
  readonly seen: unknown;
  readonly promotedMs: number;
  readonly slackMs: number;
}

/**
 * Says which clauses of I2 the journal does not bear out at the instant at which a step of the workflow was meant that
 * takes the old credential away. Empty: it was allowed.
 *
 * Not in a journal, and so not judged: whether what was recorded is true.
 */
export function unprovedClauses(
  past: Past,
  step: PastStep,
  meant: { readonly atMs: number; readonly standing: unknown },
): readonly string[] {
  const gate = past.order.findLast((each) => each.place < step.place && each.shape.kind === 'gate');
  if (gate === undefined || gate.phase !== 'done') return ['no gate has looked before it'];
  const promote = past.steps.get('promote') ?? past.steps.get('swap');
  const promotedMs = promote?.phase === 'done' ? promote.endedMs : Number.NaN;
  const revoke: Revoke = { past, step, ...meant, seen: gate.output, promotedMs, slackMs: past.slackMs };
  const isDisable = step.shape.kind === 'act';
  return [
    ...wrongWorld(revoke),
    ...standingAgainst(revoke),
    ...(isDisable ? beforeDisable(revoke, gate) : beforeDestroy(revoke, gate)),
  ];
}

/** (a) the label, (b) a login with the new one, (g) the target itself: now, not some time ago and not in the future. */
function* wrongWorld({ past, seen, atMs, slackMs }: Revoke): Iterable<string> {
  const staged = past.output('stage');
  const current = field(seen, 'current');
  if (!(numberIn(staged, 'version') === numberIn(current, 'version'))) yield '(a) `current` was on another version';
  const digest = field(staged, 'digest');
  if (typeof digest !== 'string' || field(current, 'digest') !== digest) yield '(a) `current` was on another value';
  if (!isYoung(seen, { atMs, slackMs, maxAgeMs: LABEL_MAX_AGE_MS }))
    yield `(a) the label was not read in the ${LABEL_MAX_AGE_MS} ms before`;
  if (!saidEverywhere(listIn(seen, 'answers'), ['accepted']))
    yield '(b) the new credential was not accepted everywhere';
  if (!isYoung(seen, { atMs, slackMs, maxAgeMs: LOGIN_MAX_AGE_MS }))
    yield `(b) nobody logged in in the ${LOGIN_MAX_AGE_MS} ms before`;
  const system = field(past.output('preflight'), 'system');
  if (typeof system !== 'string' || field(seen, 'system') !== system) yield '(g) the target was another system';
}

/** (f) no hold, and nothing that people say has changed since the look. */
function* standingAgainst({ standing, seen }: Revoke): Iterable<string> {
  if (standing === undefined) return;
  if (field(standing, 'held') !== false) yield '(f) the secret was held';
  if (!(numberIn(standing, 'guardSeq') === numberIn(seen, 'guardSeq')))
    yield '(f) a hold, a waiver or a command came after the look';
}

function* beforeDisable(revoke: Revoke, gate: PastStep): Iterable<string> {
  const { past, seen, atMs, promotedMs, slackMs } = revoke;
  yield* unproved(revoke, listIn(seen, 'consumers'), PROOF_MAX_AGE_MS);
  const { policy, consumers } = past.plan;
  let graceMs = policy.graceMs;
  for (const { cacheTtlMs } of consumers) if (cacheTtlMs > graceMs) graceMs = cacheTtlMs;
  if (!(atMs - promotedMs >= graceMs - slackMs)) yield '(d) grace was not over';
  yield* notQuiet(revoke, seen, { gate, sinceMs: promotedMs });
}

function* beforeDestroy(revoke: Revoke, gate: PastStep): Iterable<string> {
  const { past, seen, atMs, slackMs } = revoke;
  const disable = past.steps.get('disable');
  const drain = past.output('drain');
  if (disable === undefined) {
    // One live: the old value died when the new one was made, and there is nothing to watch.
    yield* unproved(revoke, listIn(drain, 'consumers'), Number.POSITIVE_INFINITY);
    return;
  }
  for (const fact of listIn(seen, 'consumers')) {
    const answer = field(fact, 'answer');
    if (answer !== 'proved' && answer !== 'pending' && answer !== 'unreachable')
      yield '(c) a consumer refused the new credential while the old one was off';
  }
  const refused = field(seen, 'refused');
  if (refused !== undefined) {
    if (listIn(refused, 'from').length > 0 && past.plan.exposed !== true)
      yield '(c) a consumer was refused with the old credential while that was off';
    if (!(numberIn(refused, 'triedMs') >= numberIn(seen, 'atMs')))
      yield '(h) the old credential was not tried at the last look';
  }
  const disabledMs = disable.phase === 'done' ? disable.endedMs : Number.NaN;
  if (!(atMs - disabledMs >= past.plan.policy.watchMs - slackMs)) yield '(h) the watch window was not over';
  const isOff = field(disable.output, 'skipped') === null;
  if (isOff) {
    yield* unproved(revoke, listIn(drain, 'consumers'), Number.POSITIVE_INFINITY);
    if (!saidEverywhere(listIn(seen, 'oldAnswers'), ['refused', 'absent']))
      yield '(h) the old credential was not refused everywhere';
    return;
  }
  if (!hasOld(past)) {
    yield* unproved(revoke, listIn(drain, 'consumers'), Number.POSITIVE_INFINITY);
    return;
  }
  const again = field(seen, 'again');
  yield* unproved(revoke, listIn(again, 'consumers'), PROOF_MAX_AGE_MS);
  yield* notQuiet(revoke, again, { gate, sinceMs: disabledMs });
}

/** (c) every instance of every required consumer has proved since promote, or somebody has waived the consumer. */
function* unproved(
  { past, standing, atMs, promotedMs, slackMs }: Revoke,
  facts: readonly unknown[],
  maxAgeMs: number,
): Iterable<string> {
  const waived = listIn(standing, 'waived');
  for (const { name, required, instances } of past.plan.consumers) {
    if (!required || waived.includes(name)) continue;
    let count = 0;
    const named = new Set<unknown>();
    for (const fact of facts) {
      if (field(fact, 'consumer') !== name) continue;
      count += 1;
      const provedMs = field(fact, 'answer') === 'proved' ? numberIn(fact, 'atMs') : Number.NaN;
      const ageMs = atMs - provedMs;
      if (!(provedMs >= promotedMs - slackMs && ageMs >= -slackMs && ageMs <= maxAgeMs + slackMs)) {
        yield `(c) ${name} had not proved that it holds the new credential`;
        break;
      }
      const instance = field(fact, 'instance');
      if (typeof instance === 'string') named.add(instance);
    }
    if (count === 0) yield `(c) ${name} was not asked`;
    else if (typeof instances === 'number' && !(named.size >= instances))
      yield `(c) ${named.size} of ${instances} instances of ${name} had proved`;
  }
}

/** (e) no session with the old identity opened for Q, and none left that will not be ended. */
function* notQuiet(
  { past, atMs, slackMs }: Revoke,
  facts: unknown,
  at: { readonly gate: PastStep; readonly sinceMs: number },
): Iterable<string> {
  const { capabilities, policy, consumers } = past.plan;
  if (!hasOld(past) || !capabilities.usage) return;
  if (field(facts, 'usage', 'kind') !== 'known') {
    yield '(e) it was unknown who used the old credential';
    return;
  }
  let busyMs = Math.max(at.sinceMs, at.gate.sessionMs);
  const openedMs = field(facts, 'lastOpenedMs');
  if (openedMs !== null) busyMs = Math.max(busyMs, numberIn(facts, 'lastOpenedMs'));
  for (const fact of listIn(facts, 'consumers')) {
    const isRequired = consumers.some(({ name, required }) => required && name === field(fact, 'consumer'));
    if (isRequired && field(fact, 'answer') === 'proved') busyMs = Math.max(busyMs, numberIn(fact, 'sinceMs'));
  }
  const lookedMs = numberIn(facts, 'atMs');
  if (!(lookedMs <= atMs + slackMs && lookedMs - busyMs >= policy.quietMs - slackMs))
    yield '(e) the old credential was not quiet';
  if (numberIn(facts, 'usage', 'sessions') === 0) return;
  const isOutlived = numberIn(facts, 'usage', 'youngestAgeMs') >= policy.maxSessionAgeMs;
  if (!isOutlived || !capabilities.endsSessions) yield '(e) sessions with the old credential were open';
}

function hasOld(past: Past): boolean {
  return field(past.output('preflight'), 'old') !== null;
}

/** What was seen in the future proves nothing about now. */
function isYoung(
  facts: unknown,
  at: { readonly atMs: number; readonly slackMs: number; readonly maxAgeMs: number },
): boolean {
  const ageMs = at.atMs - numberIn(facts, 'atMs');
  return ageMs >= -at.slackMs && ageMs <= at.maxAgeMs + at.slackMs;
}

/** No endpoints prove nothing. */
export function saidEverywhere(answers: readonly unknown[], wanted: readonly string[]): boolean {
  if (answers.length === 0) return false;
  for (const each of answers) {
    const answer = field(each, 'answer');
    if (typeof answer !== 'string' || !wanted.includes(answer)) return false;
  }
  return true;
}
