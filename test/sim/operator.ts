import type { MemoryState } from '../../src/adapters/memory/state.js';
import { type ErrorCode, catalogue, isKeyturnError } from '../../src/core/errors.js';
import type { Plan } from '../../src/core/plan.js';
import { fold } from '../../src/core/rotation.js';
import type { CommandKind } from '../../src/core/rotation-event.js';
import type { Book, Entry } from './book.js';
import type { Chance } from './chance.js';
import type { DatabaseFaults } from './database.js';
import type { Profile } from './profile.js';
import type { Queue } from './queue.js';
import { drawChecks } from './checks.js';
import { addressOf } from './consumers.js';
import { type SimulatedSecret, claimsOf, drawCanaries, drawInstances, drawPolicy, planOf } from './population.js';
import type { Trace } from './trace.js';
import type { VirtualTime } from './virtual-time.js';

/** What an operator works with. */
export interface OperatorParts {
  readonly time: VirtualTime;
  readonly profile: Profile;
  readonly trace: Trace;
  readonly state: MemoryState;
  readonly database: DatabaseFaults;
  readonly queue: Queue;
  readonly book: Book;
  /** Told of each rotation that has begun. */
  readonly accepted: (plan: Plan) => void;
  /** Carries out by hand what a rotation has parked for, because only a person may. */
  readonly destroyByHand: (secret: SimulatedSecret, identity: string) => void;
  /** Sets right what people have done to a secret, as the rotation that waits for it says. */
  readonly setRight: (secret: SimulatedSecret) => void;
  /** True where the database has forgotten part of this rotation. */
  readonly isRewound: (rotationId: string) => boolean;
  /** Told of a rotation that stays parked whatever is done that is offered. */
  readonly despairs: (entry: Entry) => void;
}

/** How often a person looks. Milliseconds. */
const LOOKS_EVERY_MS = 3_000;

/** What is resumed that often without going on is turned back, where that is offered. */
const RESUMES_BEFORE_ROLLBACK = 2;

/** What is still parked after so many, with no fault left, is not helped by what is offered. */
const RESUMES_BEFORE_DESPAIR = 12;

/** A rotation that is asked for, until the database has said that it is there. */
interface Wanted {
  readonly secret: SimulatedSecret;
  readonly rotationId: string;
  readonly repair: boolean;
}

/**
 * The people: they ask for rotations, one after the other for each secret and sometimes twice, cancel, turn back, hold
 * and release, waive, change the configuration between rotations, and run the commands that a parked rotation offers.
 */
export class Operator {
  readonly #parts: OperatorParts;
  readonly #chance: Chance;
  readonly #left = new Map<string, number>();
  readonly #asked = new Map<string, number>();
  readonly #wanted: Wanted[] = [];
  readonly #held = new Set<string>();
  readonly #resumed = new Map<string, number>();
  /** How often each rotation has been parked again since faults stopped, and at which parking that was seen last. */
  readonly #inVain = new Map<string, { readonly parked: number; readonly times: number }>();

  constructor(chance: Chance, secrets: readonly SimulatedSecret[], parts: OperatorParts) {
    this.#chance = chance.split('operator');
    this.#parts = parts;
    for (const secret of secrets) {
      this.#left.set(secret.id, this.#chance.pick([1, 1, 1, 2, 2, 3]));
      this.#askLater(secret, this.#chance.below(15_000));
    }
    this.#look();
  }

  /** The database went back. A hold whose release it has forgotten is there again, and is released like any other. */
  rewound(): void {
    this.#held.clear();
    for (const { rotationId, secret } of this.#parts.book.all)
      if (this.#parts.state.load(rotationId)?.surroundings.held === true) this.#held.add(secret.id);
  }

  /** True once nobody wants anything any more. */
  get isDone(): boolean {
    return this.#wanted.length === 0 && this.#held.size === 0 && [...this.#left.values()].every((left) => left === 0);
  }

  /** How often each rotation that is parked now was resumed. */
  resumesOf(rotationId: string): number {
    return this.#resumed.get(rotationId) ?? 0;
  }

  #askLater(secret: SimulatedSecret, inMs: number): void {
    this.#parts.time.after(inMs, () => {
      const left = this.#left.get(secret.id) ?? 0;
      if (left === 0) return;
      const number = (this.#asked.get(secret.id) ?? 0) + 1;
      this.#asked.set(secret.id, number);
      this.#left.set(secret.id, left - 1);
      const last = this.#parts.book.entry(rotationOf(secret, number - 1));
      this.#wanted.push({ secret, rotationId: rotationOf(secret, number), repair: last?.code === 'CURRENT_REFUSED' });
      this.#ask();
      this.#askLater(secret, this.#chance.between(4_000, 60_000));
    });
  }

  /** Asks for what is wanted. What is refused because another is open is asked for again at the next look. */
  #ask(): void {
    for (const wanted of this.#wanted.splice(0)) {
      const answer = this.#tell(() => this.#accept(wanted));
      if (answer !== 'accepted') this.#wanted.push(wanted);
      // The same request once more, as a client does that heard no answer.
      else if (this.#parts.profile.strikes('doubled-request', this.#chance, 0.3))
        this.#tell(() => this.#accept(wanted));
    }
  }

  #accept({ secret, rotationId, repair }: Wanted): 'accepted' | 'refused' {
    const { state, book, time, queue } = this.#parts;
    const plan = this.#planned(secret, rotationId, repair);
    const accepted = state.accept(plan, claimsOf(secret));
    this.#note(`ask for ${rotationId}: ${accepted.kind}`);
    if (accepted.kind !== 'accepted') return 'refused';
    book.open(rotationId, secret, time.nowMs);
    this.#parts.accepted(plan);
    queue.ring(rotationId, 0);
    return 'accepted';
  }

  /**
   * The configuration may have been edited since the last rotation: another policy, consumers that count otherwise, a
   * newer workflow. It never says less than is so of a consumer's cache: nothing could protect who is not declared.
   */
  #planned(secret: SimulatedSecret, rotationId: string, repair: boolean): Plan {
    const own = this.#chance.split(rotationId);
    const edited = own.happens(0.2);
    const isLocated = this.#parts.profile.mayStrike('consumer-sources');
    const isCounted = this.#parts.profile.mayStrike('consumer-instances');
    const consumers = secret.consumers
      .map((each) => (edited ? { ...each, canary: own.happens(0.4), required: own.happens(0.7) } : each))
      .map((each) => (isLocated ? { ...each, sources: [`${addressOf(each.name)}/32`] } : each))
      .map((each) => (isCounted ? { ...each, ...drawInstances(own.split(each.name)) } : each));
    const checks = drawChecks(own.split('checks'));
    const policy = { ...drawPolicy(own.split('policy')), canaries: drawCanaries(own.split('canaries'), consumers) };
    // What is exposed is rotated like anything else, and nothing turns back towards it by itself.
    const exposed = this.#parts.profile.mayStrike('secret-exposed') && own.split('exposed').happens(0.5);
    const plan = planOf(secret, { rotationId, policy, consumers, checks, repair, exposed });
    return { ...plan, workflow: { name: secret.workflow, number: own.happens(0.3) ? 2 : 1 } };
  }

  #look(): void {
    this.#parts.time.after(LOOKS_EVERY_MS, () => {
      this.#ask();
      for (const entry of this.#parts.book.unfinished) {
        if (entry.status === 'parked') this.#mend(entry);
        else this.#meddle(entry);
      }
      this.#releaseHolds();
      this.#look();
    });
  }

  /** Runs what the catalogue offers for the code; the rotation must then go on or turn back. */
  #mend(entry: Entry): void {
    const { state, profile, time } = this.#parts;
    const isOver = time.nowMs >= profile.faultsEndMs;
    if (!isOver && !this.#chance.happens(0.3)) return;
    const cure: string = entry.code === null ? '' : catalogue[entry.code as ErrorCode].cure;
    if (cure.includes('keyturn restored')) this.#tell(() => this.#note(`restored: era ${state.restored().era}`));
    if (cure.includes('--release')) this.#hold(entry.secret.id, false);
    if (cure.includes('do it by hand')) this.#destroyByHand(entry);
    if (isOver) this.#parts.setRight(entry.secret);
    // What stays parked after the database was restored is turned back too, as docs/operating.md says.
    const resumes = this.resumesOf(entry.rotationId);
    const offered = cure.includes('keyturn rollback') || this.#parts.isRewound(entry.rotationId);
    const turnsBack = offered && resumes >= RESUMES_BEFORE_ROLLBACK && !entry.isPastReturn && this.#isUndecided(entry);
    this.#resumed.set(entry.rotationId, resumes + 1);
    if (isOver) this.#despair(entry);
    this.#command(entry, turnsBack ? 'rollback' : 'resume');
  }

  /** What is turning back already is told to go on: a second order to turn back is refused. */
  #isUndecided({ rotationId }: Entry): boolean {
    return fold(this.#parts.state.load(rotationId)?.events ?? []).decision === null;
  }

  #destroyByHand({ rotationId, secret }: Entry): void {
    const parked = this.#parts.state.load(rotationId)?.events.findLast(({ event }) => event.kind === 'Parked')?.event;
    const identity = parked?.kind === 'Parked' ? parked.facts['identity'] : undefined;
    if (typeof identity !== 'string') return;
    this.#note(`destroys ${identity} by hand`);
    this.#parts.destroyByHand(secret, identity);
  }

  /** Only what has been parked anew since counts: nobody takes a command while every executor stands still. */
  #despair(entry: Entry): void {
    const { parked, times } = this.#inVain.get(entry.rotationId) ?? { parked: 0, times: 0 };
    if (entry.parked === parked) return;
    this.#inVain.set(entry.rotationId, { parked: entry.parked, times: times + 1 });
    if (times >= RESUMES_BEFORE_DESPAIR) this.#parts.despairs(entry);
  }

  /** What people do to rotations that are under way. */
  #meddle(entry: Entry): void {
    const { profile, state } = this.#parts;
    if (profile.strikes('cancel', this.#chance, 0.01)) this.#command(entry, 'cancel');
    if (profile.strikes('roll-back', this.#chance, 0.01)) this.#command(entry, 'rollback');
    if (profile.strikes('hold', this.#chance, 0.02)) this.#hold(entry.secret.id, true);
    if (profile.strikes('waive', this.#chance, 0.02)) {
      const consumer = this.#chance.pick(['app', 'batch', 'report']);
      this.#tell(() => state.waive({ rotationId: entry.rotationId, consumer }));
    }
  }

  #releaseHolds(): void {
    const isOver = this.#parts.time.nowMs >= this.#parts.profile.faultsEndMs;
    for (const secret of [...this.#held]) if (isOver || this.#chance.happens(0.2)) this.#hold(secret, false);
  }

  /** A hold whose outcome is unknown may be there, and is released like any other. */
  #hold(secret: string, held: boolean): void {
    this.#note(`${held ? 'hold' : 'release'} ${secret}`);
    if (held) this.#held.add(secret);
    const told = this.#tell(() => this.#parts.state.hold(secret, held));
    if (told !== undefined && !held) this.#held.delete(secret);
  }

  #command({ rotationId }: Entry, kind: CommandKind): void {
    this.#note(`${kind} ${rotationId}`);
    this.#tell(() => this.#parts.state.command({ rotationId, kind, by: 'local:sim', reason: 'simulated' }));
    this.#parts.queue.ring(rotationId, 0);
  }

  /** A person who hears an error, or no answer, looks again later. */
  #tell<Answer>(statement: () => Answer): Answer | undefined {
    try {
      return this.#parts.database.through({ port: 'journal' }, statement);
    } catch (thrown) {
      if (!isKeyturnError(thrown)) throw thrown;
      return undefined;
    }
  }

  #note(what: string): void {
    this.#parts.trace.note(this.#parts.time.nowMs, `operator ${what}`);
  }
}

/** Names a rotation by its secret, so that a seed's rotations are called the same however they are interleaved. */
function rotationOf(secret: SimulatedSecret, number: number): string {
  return `${secret.path.slice(1).replace('/', '-')}-${number}`;
}
