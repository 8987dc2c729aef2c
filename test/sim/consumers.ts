import type { PlannedConsumer } from '../../src/core/plan.js';
import type { ConsumerAnswer, StoredVersion } from '../../src/ports/step-ports.js';
import type { Chance } from './chance.js';
import type { Ground } from './ground.js';
import type { Profile } from './profile.js';
import type { VirtualTime } from './virtual-time.js';

/** How a consumer behaves while nothing else is wrong with it. */
type Temper =
  /** Reads again when its cache has run out, and logs in anew each time. */
  | 'cached'
  /** Keeps sessions open for long. */
  | 'pooled'
  /** Takes its time before it uses the new version. */
  | 'slow'
  /** Proves what it can read, and goes on using what it had. */
  | 'lying'
  /** Answers with a proof of before, which does not fit. */
  | 'replaying'
  /** Never answers. */
  | 'silent';

const honest: readonly Temper[] = ['cached', 'cached', 'pooled', 'slow'];

/** A consumer whose login was refused with what it rightly held. */
export type Complaint = (
  ground: Ground,
  consumer: SimulatedConsumer,
  held: { readonly version: StoredVersion; readonly readMs: number },
) => void;

interface Session {
  readonly identity: string;
  readonly openedMs: number;
}

/** Where an application logs in from. */
export const addressOf = (consumer: string): string => `192.0.2.${16 + (consumer.charCodeAt(0) % 16)}`;

/** One running copy of an application: what it holds, since when, and what it has open. */
class Instance {
  held: StoredVersion | null = null;
  readMs = 0;
  readonly sessions: Session[] = [];
}

/** One application that reads the secret and logs in with it. */
export class SimulatedConsumer {
  #temper: Temper;
  /** How long it serves a value from its cache; never longer than the configuration says it does. Milliseconds. */
  ttlMs: number;
  readonly instances: readonly Instance[];
  /** Versions that it has proved as a canary, whether or not it told the truth. */
  readonly proved = new Set<number>();
  /** Versions that any copy of it has proved as a canary. */
  readonly #once = new Set<number>();
  readonly #everyMs: number;
  readonly #sessionMs: number;
  readonly #chance: Chance;
  readonly #ground: Ground;
  readonly #parts: ConsumerParts;

  constructor(
    readonly name: string,
    ground: Ground,
    chance: Chance,
    parts: ConsumerParts,
  ) {
    this.#ground = ground;
    this.#chance = chance;
    this.#parts = parts;
    this.ttlMs = 0;
    this.#temper = this.#drawTemper();
    this.instances = Array.from({ length: chance.pick([1, 1, 2]) }, () => new Instance());
    this.#everyMs = chance.between(4_000, 9_000);
    this.#sessionMs = this.#temper === 'pooled' ? chance.between(8_000, 40_000) : chance.between(50, 3_000);
    for (const each of this.instances) {
      this.#read(each);
      this.#next(each, chance.below(this.#everyMs));
    }
  }

  /** True where every copy of it holds this version and would use it for its next login. */
  holds(version: number): boolean {
    return this.instances.every((each) => each.held?.version === version);
  }

  /** True where it uses what it proves: what a guard may rely on. */
  get isHonest(): boolean {
    return this.#temper !== 'lying';
  }

  /** Answers a challenge: each copy of it for itself, or where they are counted who happens to be asked behind one address. */
  answer(declared: PlannedConsumer, phase: 'canary' | 'drain', version: number): readonly ConsumerAnswer[] {
    this.ttlMs = declared.cacheTtlMs;
    const { instances } = declared;
    const answers = this.instances.flatMap((each, index): readonly ConsumerAnswer[] => {
      const isNamed = instances !== undefined || this.instances.length > 1;
      const said = { consumer: this.name, instance: isNamed ? `${index + 1}` : null };
      if (instances === undefined || this.#chance.happens(0.7))
        return [{ ...said, ...this.#answerOf(each, phase, version) }];
      if (instances !== 'registered') return [];
      return [{ ...said, answer: 'unreachable', reason: 'it is registered and did not answer', unheard: true }];
    });
    if (phase === 'canary') this.#note(version, answers);
    return answers;
  }

  /** A version is tried where whoever is heard has proved it, and of those who are not asked now somebody has before. */
  #note(version: number, answers: readonly ConsumerAnswer[]): void {
    const heard = answers.filter(({ unheard }) => unheard !== true);
    if (heard.some(({ answer }) => answer === 'proved')) this.#once.add(version);
    if (this.#once.has(version) && heard.every(({ answer }) => answer === 'proved')) this.proved.add(version);
  }

  #answerOf(each: Instance, phase: 'canary' | 'drain', version: number): Pick<ConsumerAnswer, 'answer' | 'reason'> {
    const strikes = (kind: string, probability: number) => this.#parts.profile.strikes(kind, this.#chance, probability);
    if (strikes('consumer-unreachable', 0.05)) return { answer: 'unreachable', reason: 'no answer' };
    if (strikes('consumer-refuses', 0.01)) return { answer: 'refused', reason: 'it does not work' };
    const calm = !this.#parts.profile.mayStrike('consumer-temper');
    switch (this.#temper) {
      case 'silent':
        return calm ? this.#tried(each, phase, version) : { answer: 'unreachable', reason: 'no answer' };
      case 'replaying':
        return calm ? this.#tried(each, phase, version) : { answer: 'pending', reason: 'the proof does not fit' };
      case 'lying':
        return { answer: 'proved', reason: '' };
      case 'slow':
        if (phase === 'drain' && each.held?.version !== version && this.#chance.happens(0.6))
          return { answer: 'pending', reason: 'not yet' };
        return this.#tried(each, phase, version);
      case 'cached':
      case 'pooled':
        return this.#tried(each, phase, version);
      default:
        return this.#temper satisfies never;
    }
  }

  /** A canary tries the pending version beside what it uses; in drain it changes over to what `current` names. */
  #tried(each: Instance, phase: 'canary' | 'drain', version: number): Pick<ConsumerAnswer, 'answer' | 'reason'> {
    if (phase === 'canary') {
      const stored = this.#ground.store.read(this.#ground.secret.id, version);
      return stored !== null && this.#ground.works(stored)
        ? { answer: 'proved', reason: '' }
        : { answer: 'refused', reason: 'it does not work' };
    }
    if (each.held?.version !== version) this.#read(each);
    if (each.held?.version !== version) return { answer: 'pending', reason: 'current is another version' };
    return { answer: 'proved', reason: '' };
  }

  /** Somebody mends it where it was wrong, and starts it again: it reads, and has no session left. */
  mend(): void {
    if (!honest.includes(this.#temper)) this.#temper = 'cached';
    for (const each of this.instances) {
      this.#read(each);
      this.#closeSessions(each, Number.POSITIVE_INFINITY);
    }
  }

  #next(each: Instance, inMs: number): void {
    this.#parts.time.after(inMs, () => {
      if (!this.#parts.isOver()) {
        this.#logIn(each);
        this.#next(each, this.#everyMs);
      }
    });
  }

  #logIn(each: Instance): void {
    const { clock, target } = this.#ground;
    const nowMs = clock.nowMs();
    this.#closeSessions(each, nowMs - this.#sessionMs);
    if (nowMs - each.readMs >= this.ttlMs && this.#temper !== 'lying') this.#read(each);
    if (each.held === null) return;
    const credential = this.#ground.credentialIn(each.held);
    if (credential === null) return;
    if (!target.accepts(credential)) {
      target.refuse(credential.identity, addressOf(this.name));
      this.#parts.complain(this.#ground, this, { version: each.held, readMs: each.readMs });
      // As an application does whose login is refused: it reads anew and tries with that.
      this.#read(each);
      return;
    }
    this.#ground.opened(credential.identity);
    each.sessions.push({ identity: credential.identity, openedMs: nowMs });
  }

  #closeSessions(each: Instance, openedBeforeMs: number): void {
    while (each.sessions.length > 0 && (each.sessions[0]?.openedMs ?? 0) <= openedBeforeMs) {
      const session = each.sessions.shift();
      if (session !== undefined) this.#ground.target.closeSession(session.identity, session.openedMs);
    }
  }

  #read(each: Instance): void {
    each.held = this.#ground.current();
    each.readMs = this.#ground.clock.nowMs();
  }

  /** Bad tempers are a kind of fault: a seed without it has honest consumers only. */
  #drawTemper(): Temper {
    const bad = this.#chance.pick(['lying', 'replaying', 'silent'] as const);
    const good = this.#chance.pick(honest);
    return this.#parts.profile.strikes('consumer-temper', this.#chance, 0.2) ? bad : good;
  }
}

/** What the consumers of a world share. */
export interface ConsumerParts {
  readonly time: VirtualTime;
  readonly profile: Profile;
  readonly complain: Complaint;
  /** True once nothing is at work any more: nobody needs to log in then. */
  readonly isOver: () => boolean;
}
