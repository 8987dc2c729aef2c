import { keyturnError } from '../core/errors.js';
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
      const question = next.value;
      try {
        const answer: unknown = await ask(question, ports, keeper, options);
        next = work.next(answer);
      } catch (thrown) {
        next = work.throw(thrown);
      }
    }
    return next.value;
  } finally {
    keeper.stop();
  }
}

async function ask(
  question: EngineRequest,
  ports: BoundEnginePorts,
  keeper: LeaseKeeper,
  options: PerformOptions,
): Promise<unknown> {
  const port = ports[question.port] as Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
  const member = port[question.method];
  if (member === undefined) throw new TypeError(`port ${question.port} has no ${question.method}`);
  if (question.authority === null) {
    const answer: unknown = await member.call(port, ...question.args);
    if (question.port === 'leases' && question.method === 'acquire') keeper.keep(answer as Lease);
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
  call: (scope: Scope) => unknown,
): Promise<unknown> {
  const lost = () => keyturnError('LEASE_LOST', { secret: authority.plan.path });
  if (keeper.signal.aborted) throw lost();
  const deadline = new AbortController();
  const signal = AbortSignal.any([keeper.signal, deadline.signal]);
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      deadline.abort();
      reject(keyturnError('DEADLINE_EXCEEDED', { call: `${port}.${method}`, deadlineMs: callDeadlineMs }));
    }, callDeadlineMs);
    keeper.signal.addEventListener('abort', () => reject(lost()), { once: true });
  });
  try {
    return await Promise.race([call({ ...authority, signal, deadlineMs: callDeadlineMs }), expired]);
  } finally {
    clearTimeout(timer);
  }
}
