import type { Classification, Connection, Rotator, RotatorContext, RotatorLog } from '../contract/rotator.js';
import {
  type ErrorCode,
  type ErrorFacts,
  type KeyturnError,
  isErrorCode,
  isKeyturnError,
  keyturnError,
} from '../core/errors.js';
import type { RefusedLogins } from '../core/observation.js';
import type { Scrubber } from '../core/scrub.js';
import type { Bound, Scope, TargetPort } from '../ports/step-ports.js';

/** What the guard tells of a target, for its breaker. */
export type ReportTarget = (
  target: { readonly environment: string; readonly target: string },
  outcome: 'answered' | 'unreachable',
) => void;

/** What the guard needs beside the rotator. */
export interface GuardOptions {
  /** The rotator's parsed configuration: the secrets in it are scrubbed from the first call on. */
  readonly config: unknown;
  readonly log: RotatorLog;
  readonly report: ReportTarget;
  /** Learns every value the rotator is given or gives. */
  readonly scrubber: Scrubber;
}

/**
 * Stands between the engine and a rotator: gives it its context, scrubs the values it has seen from whatever it throws,
 * answers or logs, and sorts what it throws. Safety does not depend on the author's care.
 */
export function guardRotator(
  rotator: Rotator,
  connection: Connection,
  { config, log, report, scrubber }: GuardOptions,
): Bound<TargetPort> {
  scrubber.learn([config]);
  const scrubbing = scrubbingLog(log, scrubber);
  let answeredEpoch = 0;
  // A breaker that others have opened is closed by the first answer of a wakeup; further answers tell it nothing.
  const tell = ({ plan, fence }: Scope, unreachable: boolean): void => {
    // Whoever only looks has no lease and no epoch. There are as many looks as secrets: they would keep a breaker open.
    if (fence.epoch === 0) return;
    if (!unreachable && answeredEpoch === fence.epoch) return;
    answeredEpoch = unreachable ? 0 : fence.epoch;
    report(plan, unreachable ? 'unreachable' : 'answered');
  };
  const guarded = async <Answer>(
    scope: Scope,
    call: (ctx: RotatorContext) => Promise<Answer>,
    ...values: readonly unknown[]
  ): Promise<Answer> => {
    scrubber.learn(values);
    try {
      const answer = await call(contextFor(scope, scrubbing));
      scrubber.learn([answer]);
      tell(scope, isUnreachable(answer));
      return scrubber.clean(answer);
    } catch (thrown) {
      const error = sort(thrown, rotator, scope, scrubber);
      tell(scope, silent.includes(error.code));
      log.debug(
        {
          rotationId: scope.plan.rotationId,
          step: scope.step,
          code: error.code,
          error: scrubber.text(describe(thrown)),
        },
        'rotator failed',
      );
      throw error;
    }
  };
  return {
    preflight: (scope, current) => guarded(scope, (ctx) => connection.preflight(current, ctx), current),
    identify: (scope) => guarded(scope, (ctx) => connection.identify(ctx)),
    propose: (scope, current) => guarded(scope, (ctx) => connection.propose(current, ctx)),
    create: (scope, proposal) => guarded(scope, (ctx) => connection.create(proposal, ctx), proposal),
    probe: (scope, credential) => guarded(scope, (ctx) => connection.probe(credential, ctx), credential),
    verify: (scope, credential) => guarded(scope, (ctx) => connection.verify(credential, ctx), credential),
    usage: (scope, identity) => guarded(scope, (ctx) => connection.usage(identity, ctx)),
    refusedLogins: (scope, identity, mark) =>
      guarded(scope, async (ctx): Promise<RefusedLogins> => {
        if (connection.refusedLogins === undefined)
          return { kind: 'unknown', reason: 'the rotator does not ask for them' };
        return connection.refusedLogins(identity, mark, ctx);
      }),
    raise: (scope) => guarded(scope, (ctx) => connection.raise(ctx)),
    disable: (scope, identity) => guarded(scope, (ctx) => connection.disable(identity, ctx)),
    enable: (scope, identity) => guarded(scope, (ctx) => connection.enable(identity, ctx)),
    destroy: (scope, identity, provenance) => guarded(scope, (ctx) => connection.destroy(identity, provenance, ctx)),
    list: (scope) => guarded(scope, (ctx) => connection.list(ctx)),
  };
}

/** Errors after which nobody knows whether the target answers. */
const silent: readonly ErrorCode[] = [
  'TARGET_UNREACHABLE',
  'DEADLINE_EXCEEDED',
  'ROTATOR_CRASHED',
  'ROTATOR_QUARANTINED',
];

function contextFor(scope: Scope, log: RotatorLog): RotatorContext {
  return {
    rotationId: scope.plan.rotationId,
    secret: scope.plan.secret,
    step: scope.step,
    attempt: scope.attempt,
    fence: scope.fence,
    signal: scope.signal,
    deadlineMs: scope.deadlineMs,
    databaseTimeMs: scope.nowMs,
    log,
  };
}

/** An unknown throw is what the rotator says it is; what it cannot name is unknown, and unknown is looked at again. */
function sort(thrown: unknown, rotator: Rotator, { plan, step }: Scope, scrubber: Scrubber): KeyturnError {
  const named = { target: plan.target, endpoint: plan.target, step };
  // A rotator with a newer copy of this package may give a code that this one does not know.
  if (isKeyturnError(thrown) && isErrorCode(thrown.code)) {
    return keyturnError(thrown.code, { ...named, ...cleanFacts(thrown.facts, scrubber) });
  }
  switch (classify(rotator, thrown)) {
    case 'rejected-by-policy':
      return keyturnError('VALUE_REJECTED', named);
    case 'rejected-by-authority':
      return keyturnError('ADMIN_REFUSED', named);
    case 'transient':
      return keyturnError('TARGET_BUSY', named);
    default:
      return keyturnError('STEP_FAILED', {
        ...named,
        name: scrubber.text(nameOf(thrown)),
      });
  }
}

/** What a classifier cannot sort, or breaks on, is unknown. */
function classify(rotator: Rotator, thrown: unknown): Classification {
  try {
    return rotator.classify(thrown);
  } catch {
    return 'unknown';
  }
}

function scrubbingLog(log: RotatorLog, scrubber: Scrubber): RotatorLog {
  return {
    debug: (facts, message) => log.debug(scrubber.clean(facts), scrubber.text(message)),
    warn: (facts, message) => log.warn(scrubber.clean(facts), scrubber.text(message)),
  };
}

function cleanFacts(facts: ErrorFacts, scrubber: Scrubber): ErrorFacts {
  return Object.fromEntries(
    Object.entries(facts).map(([name, fact]) => [name, typeof fact === 'string' ? scrubber.text(fact) : fact]),
  );
}

function nameOf(thrown: unknown): string {
  if (isKeyturnError(thrown)) return thrown.code;
  return thrown instanceof Error ? thrown.name : typeof thrown;
}

function describe(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : typeof thrown;
}

/** Logins that no endpoint answered. */
function isUnreachable(answer: unknown): boolean {
  return (
    Array.isArray(answer) &&
    answer.length > 0 &&
    answer.every((each: unknown) => isObject(each) && each['answer'] === 'unknown')
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
