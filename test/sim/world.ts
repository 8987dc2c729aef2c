import { MemoryClock } from '../../src/adapters/memory/clock.js';
import { MemoryState } from '../../src/adapters/memory/state.js';
import { isKeyturnError } from '../../src/core/errors.js';
import type { Authority, EngineRequest } from '../../src/engine/request.js';
import type { Append, Appended } from '../../src/ports/journal.js';
import type { Scope } from '../../src/ports/step-ports.js';
import { Book, type Entry } from './book.js';
import { Chance } from './chance.js';
import { DatabaseFaults } from './database.js';
import { Executor } from './executor.js';
import { Operator } from './operator.js';
import { type Looked, Oracle } from './oracle.js';
import { Outside } from './outside.js';
import { type Narrowing, Profile } from './profile.js';
import { Queue } from './queue.js';
import { drawPopulation } from './population.js';
import { rewindLater } from './rewind.js';
import { Sweeper } from './sweeper.js';
import { Trace } from './trace.js';
import { VirtualTime } from './virtual-time.js';
import { newest, older } from './workflows.js';

/** Something that must always hold, and did not. */
export interface Violation {
  /** Of INVARIANTS.md, or `sim` where the simulated world itself broke. */
  readonly invariant: string;
  readonly what: string;
  /** Milliseconds since the run began. */
  readonly atMs: number;
}

/** What one seed has come to. */
export interface RunResult {
  readonly seed: number;
  /** Of everything that happened: the same seed gives the same. */
  readonly hash: string;
  readonly violations: readonly Violation[];
  /** When faults stopped, and when everything was at rest. Milliseconds since the run began. */
  readonly faultsEndMs: number;
  readonly endedMs: number;
  readonly events: number;
  readonly rotations: Readonly<Record<string, number>>;
  /** How often each kind of fault struck. */
  readonly struck: Readonly<Record<string, number>>;
  /** The kinds that could have struck. */
  readonly active: readonly string[];
  /** Empty unless asked for. */
  readonly lines: readonly string[];
}

/**
 * L1: after faults stop, everything is at rest within this. The longest waits of a drawn policy, each as often as a
 * rotation may look again, for as many rotations as a secret may have asked for. Milliseconds.
 */
const REST_WITHIN_MS = 45 * 60_000;

/** How often it is asked whether all is at rest. Milliseconds. */
const RESTS_EVERY_MS = 1_000;

const neverAborted = new AbortController().signal;

/** Runs one seed to rest. */
export function runSeed(seed: number, narrowing: Narrowing = {}, keepsLines = false): RunResult {
  return new World(seed, narrowing, keepsLines).run();
}

class World {
  readonly #seed: number;
  readonly #clock = new MemoryClock();
  readonly #time = new VirtualTime(this.#clock);
  readonly #state = new MemoryState(this.#clock);
  readonly #trace: Trace;
  readonly #profile: Profile;
  readonly #database: DatabaseFaults;
  readonly #outside: Outside;
  readonly #oracle: Oracle;
  readonly #book = new Book();
  readonly #executors: readonly Executor[];
  readonly #operator: Operator;
  readonly #violations: Violation[] = [];
  #last: { readonly authority: Authority; readonly scope: Scope; readonly about: string } | null = null;
  #isAtRest = false;
  /** Made once: the oracle looks after every event. */
  #looked: Looked | undefined;

  constructor(seed: number, narrowing: Narrowing, keepsLines: boolean) {
    this.#seed = seed;
    const chance = new Chance(seed);
    this.#trace = new Trace(keepsLines);
    const time = this.#time;
    this.#profile = new Profile(chance, () => time.nowMs, narrowing);
    const parts = { time, profile: this.#profile, trace: this.#trace, state: this.#state, book: this.#book };
    this.#database = new DatabaseFaults(chance, parts);
    const secrets = drawPopulation(chance.split('population'));
    this.#oracle = new Oracle(
      () => (this.#looked ??= this.#look()),
      ({ invariant, what }) => this.#violate(invariant, what),
    );
    this.#outside = new Outside({
      chance,
      profile: this.#profile,
      time,
      trace: this.#trace,
      clock: this.#clock,
      state: this.#state,
      secrets,
      witness: this.#oracle,
      complain: (...about) => this.#oracle.complained(...about),
      isOver: () => this.#isAtRest,
    });
    const executors: Executor[] = [];
    const queue = new Queue(chance, parts, executors);
    const count = chance.split('executors').pick([1, 2, 2, 2, 3]);
    for (let index = 0; index < count; index += 1) {
      const own = chance.split(`executor ${index}`);
      const executor = new Executor(`w${index}`, own, {
        ...parts,
        answering: (request) => this.#answer(request),
        ringAgain: (rotationId, delayMs) => void queue.ring(rotationId, delayMs),
        workflows: { newest, older },
      });
      executors.push(executor);
      new Sweeper(executor, own.below(5_000), { ...parts, database: this.#database, queue });
    }
    this.#executors = executors;
    this.#operator = new Operator(chance, secrets, {
      ...parts,
      database: this.#database,
      queue,
      accepted: (plan) => this.#oracle.accepted(plan),
      destroyByHand: (secret, identity) => this.#outside.ground(secret.id).destroyByHand(identity),
      setRight: (secret) => {
        this.#outside.ground(secret.id).setRight(this.#oracle.left(secret.id));
        this.#outside.mendConsumers(secret.id);
      },
      isRewound: (rotationId) => this.#oracle.isRewound(rotationId),
      despairs: (entry) => this.#despair(entry),
    });
    rewindLater(chance.split('rewind'), {
      ...parts,
      store: { backUp: () => this.#outside.backUpStore() },
      rewound: ({ noticed, store }) => {
        this.#outside.rewound(store);
        for (const gone of this.#book.rewind((id) => this.#state.load(id)?.events ?? null))
          this.#oracle.forget(gone.id);
        this.#oracle.rewind(noticed);
        this.#operator.rewound();
      },
    });
    this.#time.after(this.#profile.faultsEndMs, () => {
      for (const executor of executors) executor.upgrade();
    });
    this.#lookWhetherAtRest();
  }

  run(): RunResult {
    try {
      while (!this.#isAtRest && this.#violations.length === 0 && this.#time.step()) this.#oracle.look();
    } catch (thrown) {
      this.#violate('sim', thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
    }
    if (this.#violations.length === 0) this.#judgeAtRest();
    return {
      seed: this.#seed,
      hash: this.#trace.hash,
      violations: this.#violations,
      faultsEndMs: this.#profile.faultsEndMs,
      endedMs: this.#time.nowMs,
      events: this.#trace.count,
      rotations: this.#outcomes(),
      struck: Object.fromEntries(this.#profile.struck),
      active: this.#profile.active,
      lines: this.#trace.lines,
    };
  }

  /** One question, carried out at its instant. */
  #answer(request: EngineRequest): unknown {
    const { port, method, authority } = request;
    const about = authority === null ? '' : this.#under(authority).about;
    try {
      const answer = this.#database.through(request, () => this.#ask(request));
      this.#trace.note(this.#time.nowMs, `${port}.${method}${about}${kindOf(answer)}`);
      return answer;
    } catch (thrown) {
      // A step turns every error into an outcome, so a bug of this world would pass for one of the target.
      if (!isKeyturnError(thrown))
        this.#violate('sim', thrown instanceof Error ? (thrown.stack ?? '') : String(thrown));
      this.#trace.note(this.#time.nowMs, `${port}.${method}${about} ! ${isKeyturnError(thrown) ? thrown.code : '?'}`);
      throw thrown;
    }
  }

  #ask({ port, method, args, authority }: EngineRequest): unknown {
    const members = (port === 'journal' || port === 'leases'
      ? this.#state
      : this.#outside.ports[port as 'store']) as unknown as Readonly<
      Record<string, (...args: readonly unknown[]) => unknown>
    >;
    const member = members[method];
    if (member === undefined) throw new TypeError(`port ${port} has no ${method}`);
    if (authority !== null) {
      return member.call(members, this.#under(authority).scope, ...args);
    }
    const answer = member.call(members, ...args);
    if (method === 'append' && (answer as Appended).kind === 'appended') {
      this.#book.committed(args[0] as Append, this.#time.nowMs);
      this.#oracle.appended(args[0] as Append);
      this.#trace.note(
        this.#time.nowMs,
        `  ${(args[0] as Append).rotationId} ${(args[0] as Append).events.map(told).join(', ')}`,
      );
    }
    return answer;
  }

  /** The questions of one move come under one authority: what follows from it is made once. */
  #under(authority: Authority): { readonly scope: Scope; readonly about: string } {
    if (this.#last?.authority !== authority) {
      const scope = { ...authority, signal: neverAborted, deadlineMs: 20_000 };
      const about = ` ${authority.plan.rotationId} ${authority.step} ${authority.fence.epoch}`;
      this.#last = { authority, scope, about };
    }
    return this.#last;
  }

  #look(): Looked {
    const outside = this.#outside;
    return {
      clock: this.#clock,
      state: this.#state,
      grounds: outside.grounds,
      ground: (secret) => outside.ground(secret),
      consumer: (secret, name) => outside.consumer(secret, name),
      haveChecksPassed: (...of) => outside.haveChecksPassed(...of),
    };
  }

  #judgeAtRest(): void {
    for (const entry of this.#book.unfinished)
      this.#violate(
        'L1',
        `${entry.rotationId} is ${entry.status} (${entry.code ?? 'no reason'}) long after faults stopped`,
      );
    if (this.#violations.length > 0) return;
    // To turn back is safe, and a worker that always did would never violate anything: where nothing was wrong it may not.
    const turned =
      this.#profile.struck.size > 0 ? undefined : this.#book.all.find((each) => each.status !== 'completed');
    if (turned !== undefined)
      this.#violate('L1', `${turned.rotationId} is ${turned.status} (${turned.code ?? ''}) though nothing was wrong`);
    this.#oracle.atRest();
  }

  #despair(entry: Entry): void {
    const { rotationId, code } = entry;
    if (this.#oracle.abandons(rotationId)) {
      this.#state.abandon(rotationId);
      entry.status = 'cancelled';
    } else this.#violate('L2', `${rotationId} stays parked (${code ?? 'no reason'}) whatever is done that is offered`);
  }

  #lookWhetherAtRest(): void {
    const { faultsEndMs } = this.#profile;
    const now = this.#time.nowMs;
    const isQuiet = this.#operator.isDone && this.#executors.every((each) => each.isIdle && each.isAlive);
    this.#isAtRest =
      now >= faultsEndMs && ((isQuiet && this.#book.unfinished.length === 0) || now >= faultsEndMs + REST_WITHIN_MS);
    this.#time.after(RESTS_EVERY_MS, () => this.#lookWhetherAtRest());
  }

  #outcomes(): Readonly<Record<string, number>> {
    const outcomes: Record<string, number> = {};
    for (const { status } of this.#book.all) outcomes[status] = (outcomes[status] ?? 0) + 1;
    return outcomes;
  }

  #violate(invariant: string, what: string): void {
    this.#trace.note(this.#time.nowMs, `VIOLATED ${invariant}: ${what}`);
    this.#violations.push({ invariant, what, atMs: this.#time.nowMs });
  }
}

/** How an answer names itself, for the trace. */
function kindOf(answer: unknown): string {
  return typeof answer === 'object' && answer !== null && 'kind' in answer ? ` ${String(answer.kind)}` : '';
}

function told(event: Append['events'][number]): string {
  if (event.kind === 'Parked' || event.kind === 'RollbackDecided') return `${event.kind} ${event.code}`;
  if (event.kind === 'StepFailed' || event.kind === 'UndoFailed') return `${event.kind} ${event.step} ${event.code}`;
  if (event.kind === 'GateWaiting') return `${event.kind} ${event.step} ${event.why}`;
  if (event.kind === 'RotationClosed') return `${event.kind} ${event.status}`;
  return 'step' in event ? `${event.kind} ${event.step}` : event.kind;
}
