import { type KeyturnError, keyturnError } from '../core/errors.js';
import type { BoundEnginePorts } from '../ports/engine-ports.js';
import type { Lease } from '../ports/journal.js';
import type { Scope } from '../ports/step-ports.js';
import type { Authority, EngineRequest, Work } from './request.js';
import { LeaseKeeper } from './lease-keeper.js';

/** How calls are bounded. */
export interface PerformOptions {
  /** The longest one call may take. Milliseconds. */
  readonly callDeadlineMs: number;
  readonly leaseMs: number;
}

/**
 * Carries out a generator's questions one after the other: awaits the port, hands the answer back, throws its error in.
 *
 * While it runs, the lease it acquired is kept alive; once that is lost nothing is asked for a rotation any more.
 * *Errors* what the generator does not catch: journal and leases that cannot be reached.
 */
export async function perform<Result>(
  work: Work<Result>,
  ports: BoundEnginePorts,
  options: PerformOptions,
): Promise<Result> {
  const keeper = new LeaseKeeper(ports.leases, options.leaseMs);
  try {
    let next = work.next();
    while (next.done !== true) {
      const told = await settled(answerTo(next.value, ports, keeper, options));
      next = told.kind === 'answered' ? work.next(told.answer) : work.throw(told.thrown);
    }
    return next.value;
  } finally {
    keeper.stop();
  }
}

type Told =
  | { readonly kind: 'answered'; readonly answer: unknown }
  | { readonly kind: 'thrown'; readonly thrown: unknown };

async function settled(answering: Promise<unknown>): Promise<Told> {
  try {
    return { kind: 'answered', answer: await answering };
  } catch (thrown) {
    return { kind: 'thrown', thrown };
  }
}

async function answerTo(
  question: EngineRequest,
  ports: BoundEnginePorts,
  keeper: LeaseKeeper,
  options: PerformOptions,
): Promise<unknown> {
  const port = ports[question.port] as Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
  const member = port[question.method];
  if (member === undefined) throw new TypeError(`port ${question.port} has no ${question.method}`);
  if (question.authority === null) {
    const askedAtMs = performance.now();
    const answer: unknown = await member.call(port, ...question.args);
    if (question.port === 'leases' && question.method === 'acquire') keeper.keep(answer as Lease, askedAtMs);
    if (question.port === 'leases' && question.method === 'release') keeper.stop();
    return answer;
  }
  return await underDeadline(question, question.authority, keeper, options, (scope) =>
    member.call(port, scope, ...question.args),
  );
}

/** A call that does not answer in time is abandoned with its signal aborted; whether it took effect is then unknown. */
async function underDeadline(
  { port, method }: EngineRequest,
  authority: Authority,
  keeper: LeaseKeeper,
  { callDeadlineMs }: PerformOptions,
  ask: (scope: Scope) => unknown,
): Promise<unknown> {
  const lost = () => keyturnError('LEASE_LOST', { secret: authority.plan.path });
  if (keeper.signal.aborted) throw lost();
  const call = new AbortController();
  let giveUp: (error: KeyturnError) => void = () => undefined;
  const given = new Promise<never>((_, reject) => {
    giveUp = (error) => {
      reject(error);
      call.abort();
    };
  });
  const onLost = (): void => giveUp(lost());
  keeper.signal.addEventListener('abort', onLost, { once: true });
  const onExpired = (): void =>
    giveUp(keyturnError('DEADLINE_EXCEEDED', { call: `${port}.${method}`, deadlineMs: callDeadlineMs }));
  const timer = setTimeout(onExpired, callDeadlineMs);
  try {
    return await Promise.race([ask({ ...authority, signal: call.signal, deadlineMs: callDeadlineMs }), given]);
  } finally {
    clearTimeout(timer);
    keeper.signal.removeEventListener('abort', onLost);
  }
}
