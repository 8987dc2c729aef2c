import { keyturnError } from '../../src/core/errors.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import type { WorkerParts } from '../../src/engine/worker.js';
import type { Append, Appended } from '../../src/ports/journal.js';
import type { Scope } from '../../src/ports/step-ports.js';

/** Where in a call its worker is stopped. */
export const positions = ['before it is sent', 'after it took effect, before the answer', 'after the answer'] as const;

/** See {@link positions}. */
export type Position = (typeof positions)[number];

/** One place in one rotation at which a worker says that it is there, and goes no further. */
export interface Failpoint {
  readonly rotationId: string;
  readonly secret: string;
  /** As {@link effectOf} names it. */
  readonly effect: string;
  readonly position: Position;
  /** True where it goes on once it is told to; the call it stopped before is then made as if it had been sent long ago. */
  readonly resumable: boolean;
}

/** What a worker says of its failpoints. */
export interface FailpointListener {
  readonly reached: (point: Failpoint) => void;
  /** Settles when the worker may go on. */
  readonly resumed: (point: Failpoint) => Promise<void>;
  /** What the call was answered that was made after it was resumed: the kind of the answer, `ok`, or the error's code. */
  readonly answered: (point: Failpoint, answer: string) => void;
  /** A call was made that changes something outside. */
  readonly called: (rotationId: string, effect: string) => void;
}

type Ports = WorkerParts['ports'];

/** The calls that change something outside, or ask somebody to. */
const effects: Readonly<Record<string, readonly string[]>> = {
  target: ['create', 'raise', 'disable', 'enable', 'destroy'],
  store: ['putPending', 'moveCurrent', 'retirePending'],
  consumers: ['challenge'],
  journal: ['append'],
};

interface Call {
  readonly port: string;
  readonly method: string;
  readonly args: readonly unknown[];
  readonly make: (args: readonly unknown[]) => Promise<unknown>;
}

/** What a worker has done in one rotation. */
interface Progress {
  /** The last event it has appended. */
  last: RotationEvent | undefined;
  /** True once the effect of the failpoint was answered, where the worker is to be stopped after that. */
  answered: boolean;
  reached: boolean;
}

/** Wraps the ports of a worker so that it stops at failpoints. Everything else passes through to the shipped adapters. */
export function withFailpoints(ports: Ports, points: readonly Failpoint[], listener: FailpointListener): Ports {
  const byRotation = new Map(points.map((point) => [point.rotationId, point]));
  const bySecret = new Map(points.map((point) => [point.secret, point]));
  const progressOf = progressKeeper();

  const through = async (call: Call): Promise<unknown> => {
    const rotationId = rotationOf(call) ?? bySecret.get(secretOf(call) ?? '')?.rotationId;
    if (rotationId === undefined) return call.make(call.args);
    const progress = progressOf(rotationId);
    const effect = effectOf(call, progress.last);
    const make = async (args = call.args): Promise<unknown> => {
      const answer = await call.make(args);
      note(call, answer, progress);
      return answer;
    };
    if (effect !== null) listener.called(rotationId, effect);
    const point = byRotation.get(rotationId);
    if (point === undefined || progress.reached) return make();
    if (progress.answered && (isAppend(call) || point.effect.startsWith('journal'))) {
      return stop(point, progress, listener);
    }
    if (effect !== point.effect && !appends(call, point.effect)) return make();
    switch (point.position) {
      case 'before it is sent':
        return stop(point, progress, listener, () => make(withoutSignal(call.args)));
      case 'after it took effect, before the answer': {
        const answer = await make();
        // Who has lost his lease on the way has done nothing; it is tried again.
        return isAppend(call) && !isAppended(answer) ? answer : stop(point, progress, listener);
      }
      case 'after the answer': {
        const answer = await make();
        progress.answered ||= !isAppend(call) || isAppended(answer);
        return answer;
      }
      default:
        return point.position satisfies never;
    }
  };

  const wrap = <Port extends object>(name: string, port: Port): Port =>
    new Proxy(port, {
      get: (target, member) => {
        const value: unknown = Reflect.get(target, member);
        if (typeof value !== 'function' || typeof member !== 'string') return value;
        return async (...args: readonly unknown[]) =>
          through({
            port: name,
            method: member,
            args,
            make: async (given) => Reflect.apply(value, target, given) as unknown,
          });
      },
    });
  return {
    target: wrap('target', ports.target),
    store: wrap('store', ports.store),
    sealed: wrap('sealed', ports.sealed),
    consumers: wrap('consumers', ports.consumers),
    checks: wrap('checks', ports.checks),
    standing: wrap('standing', ports.standing),
    sealer: wrap('sealer', ports.sealer),
    journal: wrap('journal', ports.journal),
    leases: wrap('leases', ports.leases),
  };
}

/** The same for webhooks: every one is taken as far as `position`, told, and left there. Null stops none. */
export function withWebhookStop(
  { sender, deliveries }: Pick<WorkerParts, 'sender' | 'deliveries'>,
  position: Position | null,
  reached: (deliveryId: string) => void,
): Pick<WorkerParts, 'sender' | 'deliveries'> {
  const stopAt = (deliveryId: string): Promise<never> => {
    reached(deliveryId);
    return new Promise(() => {});
  };
  return {
    sender: {
      send: async (delivery) => {
        if (position === 'before it is sent') return stopAt(delivery.deliveryId);
        const sent = await sender.send(delivery);
        return position === 'after it took effect, before the answer' ? stopAt(delivery.deliveryId) : sent;
      },
    },
    deliveries: {
      take: (wanted) => deliveries.take(wanted),
      record: async (tries) => {
        if (position !== 'after the answer') return deliveries.record(tries);
        // Left by an answer that never came: who waits for one keeps those behind it from being sent as far.
        for (const { delivery } of tries) reached(delivery.deliveryId);
        throw keyturnError('STATE_UNAVAILABLE');
      },
    },
  };
}

async function stop(
  point: Failpoint,
  progress: Progress,
  listener: FailpointListener,
  late?: () => Promise<unknown>,
): Promise<unknown> {
  progress.reached = true;
  listener.reached(point);
  if (!point.resumable || late === undefined) return new Promise(() => {});
  await listener.resumed(point);
  try {
    const answer = await late();
    listener.answered(point, kindOf(answer));
    return answer;
  } catch (error) {
    listener.answered(point, error instanceof Error && 'code' in error ? String(error.code) : 'error');
    throw error;
  }
}

function kindOf(answer: unknown): string {
  return typeof answer === 'object' && answer !== null && 'kind' in answer ? String(answer.kind) : 'ok';
}

function progressKeeper(): (rotationId: string) => Progress {
  const all = new Map<string, Progress>();
  return (rotationId) => {
    const found = all.get(rotationId) ?? { last: undefined, answered: false, reached: false };
    all.set(rotationId, found);
    return found;
  };
}

/**
 * Names an effect by where in a rotation it is: `target.create in create`, `store.moveCurrent in undo of promote`,
 * `target.raise`, `journal.append of StepIntended create`. *Returns* null for what changes nothing.
 */
function effectOf(call: Call, last: RotationEvent | undefined): string | null {
  const { port, method, args } = call;
  if (effects[port]?.includes(method) !== true) return null;
  if (isAppend(call)) return appendOf((args[0] as Append).events.at(-1));
  if (method === 'raise') return 'target.raise';
  const { step } = args[0] as Scope;
  const undoing = last?.kind === 'UndoIntended' && last.step === step;
  return `${port}.${method} in ${undoing ? 'undo of ' : ''}${step}`;
}

function eventName(event: RotationEvent | undefined): string {
  if (event === undefined) return 'nothing';
  return 'step' in event ? `${event.kind} ${event.step}` : event.kind;
}

/** A commit is also one of what stands before its last event: whoever takes over may have less to commit in between. */
function appends(call: Call, effect: string): boolean {
  return isAppend(call) && (call.args[0] as Append).events.some((event) => appendOf(event) === effect);
}

const appendOf = (event: RotationEvent | undefined): string => `journal.append of ${eventName(event)}`;

const isAppend = ({ port, method }: Pick<Call, 'port' | 'method'>): boolean =>
  port === 'journal' && method === 'append';

function note(call: Call, answer: unknown, progress: Progress): void {
  if (isAppend(call) && isAppended(answer)) progress.last = (call.args[0] as Append).events.at(-1) ?? progress.last;
}

const isAppended = (answer: unknown): boolean => (answer as Appended).kind === 'appended';

/** The rotation a call is made for, where it says so. Renewing the lease goes on while a worker is stopped. */
function rotationOf({ port, method, args }: Call): string | undefined {
  const [first] = args;
  if (port === 'journal') return method === 'load' ? (first as string) : (first as Append).rotationId;
  if (port === 'leases') return undefined;
  return (first as Scope).plan.rotationId;
}

function secretOf({ port, method, args }: Call): string | undefined {
  return port === 'leases' && method === 'release' ? (args[0] as { readonly secret: string }).secret : undefined;
}

/** What is on its way already is not stopped by the sender's signal. */
function withoutSignal(args: readonly unknown[]): readonly unknown[] {
  const [first, ...rest] = args;
  if (typeof first !== 'object' || first === null || !('signal' in first)) return args;
  return [{ ...first, signal: new AbortController().signal }, ...rest];
}
