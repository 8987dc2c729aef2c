import { isOpen } from '../../src/core/rotation.js';
import { isKeyturnError } from '../../src/core/errors.js';
import type { EngineRequest } from '../../src/engine/request.js';
import type { Append, Appended } from '../../src/ports/journal.js';
import { type Bounds, type Spent, nothingSpent } from './bounds.js';
import { type Frame, hashOf, rank, reducedState, relative, textOf } from './canonical.js';
import type { Deviation } from './deviation.js';
import { type Executor, LiveExecutor, wokenExecutor } from './executor.js';
import { type Finding, judge, judgeCommit, judgeEffect } from './judge.js';
import type { Prepared } from './label-store.js';
import { described, outcomeOf } from './narration.js';
import type { Situation, Standby } from './situation.js';
import { type Flight, World, isPoint, settleMs } from './world.js';

/** What a step says about itself, for a trace. */
export type Narrate = (line: string) => void;

/** The world, who works in it, and everything that may happen next. */
export class Schedule {
  readonly world: World;
  #live: LiveExecutor | null = null;
  #stopped: Executor | null = null;
  #prepared: Prepared | null = null;
  #flights: readonly Flight[] = [];
  #standby: Standby | null = null;
  #spent: Spent = nothingSpent;
  #holders = 0;

  constructor(
    readonly bounds: Bounds,
    readonly narrate: Narrate | null = null,
  ) {
    this.world = new World(bounds);
  }

  get deviations(): number {
    return this.#spent.deviations;
  }

  keep(): Situation {
    return {
      restoreWorld: this.world.backUp(),
      executor: this.#live?.executor ?? this.#stopped,
      prepared: this.#prepared,
      flights: this.#flights,
      standby: this.#standby,
      spent: this.#spent,
      holders: this.#holders,
    };
  }

  goBack(situation: Situation): void {
    situation.restoreWorld();
    this.#live = null;
    this.#stopped = situation.executor;
    this.#prepared = situation.prepared;
    this.#flights = situation.flights;
    this.#standby = situation.standby;
    this.#spent = situation.spent;
    this.#holders = situation.holders;
  }

  /** Goes on as if nothing went wrong, up to the next change of the world. *Returns* undefined where nothing is left to do. */
  proceed(): Finding | undefined {
    const live = this.#executor();
    const request = live?.request ?? null;
    if (live !== null && request !== null) {
      const finding = this.#ask(live, request);
      this.#toPoint(live);
      return finding ?? judge(this.world, this.#atRest());
    }
    return this.#wakeUp() ? judge(this.world, this.#atRest()) : undefined;
  }

  /** What else may happen here, within the bounds. */
  choices(): readonly Deviation[] {
    const { bounds } = this;
    const spent = this.#spent;
    if (spent.deviations >= bounds.deviations) return [];
    const found: Deviation[] = [];
    const request = this.#request();
    const takeover = spent.pauses + spent.crashes < bounds.takeovers;
    if (request !== null && takeover) {
      const isCommit = request.port === 'journal';
      if (isCommit && spent.crashes < bounds.crashes) found.push({ kind: 'crash' });
      if (!isCommit && spent.pauses < bounds.pauses && this.#flights.length < 2) found.push({ kind: 'pause' });
    }
    for (const [flight, { deadMs }] of this.#flights.entries())
      if (this.world.clock.nowMs() < deadMs) found.push({ kind: 'land', flight });
    return [...found, ...this.#byPeople(request), ...this.#byStandby()];
  }

  take(deviation: Deviation): Finding {
    const { world } = this;
    this.#spend('deviations');
    switch (deviation.kind) {
      case 'pause': {
        const request = this.#request();
        if (request === null) throw new TypeError('nobody is there to be paused');
        this.narrate?.(`PAUSED before ${described(request)}`);
        this.#flights = [...this.#flights, { request, prepared: this.#prepared, deadMs: this.#deadMs(request) }];
        this.#spend('pauses');
        this.#leave();
        break;
      }
      case 'crash':
        this.narrate?.(`KILLED before ${described(this.#request())}`);
        this.#spend('crashes');
        this.#leave();
        break;
      case 'land':
        return this.#land(deviation.flight);
      case 'hold':
        this.narrate?.(deviation.held ? 'a person HOLDS the secret' : 'the hold is released');
        world.state.hold(world.plan.secret, deviation.held);
        this.#spend('holds');
        break;
      case 'move':
        this.narrate?.(`a person MOVES current to version ${deviation.version}`);
        if ('apply' in world.store)
          world.store.apply({ kind: 'labels', put: { current: deviation.version }, answer: null });
        else world.store.moveByHand(world.plan.secret, deviation.version);
        world.truth = { ...world.truth, tampered: true };
        this.#spend('moves');
        break;
      case 'command':
        this.narrate?.(`a person says ${deviation.command.toUpperCase()}`);
        world.state.command({
          rotationId: world.plan.rotationId,
          kind: deviation.command,
          by: 'local:kim',
          reason: 'a search',
        });
        this.#spend('commands');
        break;
      case 'cut':
        this.narrate?.('the standby is CUT OFF');
        this.#standby = { rotation: world.rotation, text: this.#stateText(), restore: this.#backUpDatabase() };
        break;
      case 'fail-over':
        this.#failOver(deviation.noticed);
        break;
      default:
        return deviation satisfies never;
    }
    return judge(world, this.#atRest());
  }

  /** Two places of the same text go on in the same way. */
  text(): string {
    const { world } = this;
    const frame = this.#frame();
    const executor = this.#live?.executor ?? this.#stopped;
    const parts = [
      world.rotation,
      this.#stateText(),
      world.versions().map((each) => [each.version, each.digest, each.rotationId, each.labels]),
      world.target.accounts(),
      world.target.token,
      this.#flights.map(({ request, prepared, deadMs }) => [
        request.port,
        request.method,
        request.args,
        request.authority?.step,
        request.authority?.plan.rotationId,
        request.authority?.fence,
        prepared,
        Number.isFinite(deadMs) ? deadMs : null,
      ]),
      executor === null ? null : [executor.signature, rank(executor.epoch, frame), this.#prepared],
      this.#standby?.text ?? null,
      this.#spent,
      world.truth.tampered,
      world.truth.broken,
      world.truth.forgotten,
      [...world.truth.decided],
    ];
    return hashOf(textOf(parts, frame));
  }

  /** What the state database knows, in short. */
  #stateText(): string {
    const { world } = this;
    const frame = this.#frame();
    const surroundings = world.state.load(world.plan.rotationId)?.surroundings;
    const due = world.state.nextDueMs();
    return textOf(
      [
        reducedState(world.journal, frame),
        surroundings?.held,
        surroundings?.commands.map((each) => each.kind),
        due === undefined ? null : relative(due, frame),
        world.state.newest().era,
        rank(world.state.newest().epoch, frame),
        world.state.holds(world.plan.secret, world.state.newest().epoch),
        world.state.sealedSlots(world.plan.rotationId).map((slot) => world.state.sealed(world.plan.rotationId, slot)),
      ],
      frame,
    );
  }

  #frame(): Frame {
    const { world } = this;
    const { intent, unsettled, raisedEpoch, entered } = world.journal;
    const epochs = new Set([0, raisedEpoch, world.state.newest().epoch, world.target.token?.epoch ?? 0]);
    if (intent !== null) epochs.add(intent.epoch);
    if (entered !== null) epochs.add(entered.epoch);
    for (const each of unsettled) epochs.add(each.epoch);
    for (const { request } of this.#flights) epochs.add(request.authority?.fence.epoch ?? 0);
    const executor = this.#live?.executor ?? this.#stopped;
    if (executor !== null) epochs.add(executor.epoch);
    return {
      nowMs: world.clock.nowMs(),
      horizonMs: settleMs + 1,
      guardSeq: world.state.load(world.plan.rotationId)?.surroundings.guardSeq ?? 0,
      epochs: [...epochs].sort((a, b) => a - b),
    };
  }

  // The default schedule

  #executor(): LiveExecutor | null {
    if (this.#live === null && this.#stopped !== null) this.#live = new LiveExecutor(this.#stopped);
    return this.#live;
  }

  #request(): EngineRequest | null {
    return this.#executor()?.request ?? null;
  }

  /** Nothing is at work: time passes to what is due, or the next rotation is asked for. */
  #wakeUp(): boolean {
    const { world } = this;
    const due = world.state.nextDueMs();
    if (due !== undefined) {
      this.#passTo(due);
      this.#live = new LiveExecutor(wokenExecutor(world.plan.rotationId, `worker-${(this.#holders += 1)}`));
      this.#stopped = null;
      this.narrate?.(`worker-${this.#holders} is woken`);
      this.#toPoint(this.#live);
      return true;
    }
    const { status, because } = world.journal;
    const isRewound = because?.code === 'DATABASE_REWOUND' || because?.code === 'FENCE_MISSING';
    // Each fail-over is told once, and once more where nothing but the target noticed it; nobody goes on for ever.
    if (status === 'parked' && isRewound && this.#spent.restores < this.bounds.failOvers * 2) {
      this.#spend('restores');
      this.narrate?.(`parked as ${because.code}: keyturn restored, keyturn resume`);
      this.#restored();
      world.state.command({ rotationId: world.plan.rotationId, kind: 'resume', by: 'local:kim', reason: 'a search' });
      return true;
    }
    if (isOpen(status) || world.rotation + 1 >= world.plans.length) return false;
    world.rotation += 1;
    this.narrate?.(`${world.plan.rotationId} is asked for`);
    world.accept();
    return true;
  }

  #passTo(ms: number): void {
    const { clock } = this.world;
    clock.pass(Math.max(0, ms - clock.nowMs()));
    this.#flights = this.#flights.filter((each) => each.deadMs > clock.nowMs());
  }

  /** Answers everything that changes nothing, up to the next question that does. */
  #toPoint(live: LiveExecutor): void {
    for (let { request } = live; request !== null; { request } = live) {
      if (isPoint(request)) {
        this.#prepared = this.world.prepare(request);
        return;
      }
      this.#ask(live, request);
    }
    this.#leave();
  }

  #ask(live: LiveExecutor, request: EngineRequest): Finding {
    const finding = judgeEffect(this.world, request);
    const answered = this.#carryOut(request, this.#prepared);
    this.#prepared = null;
    const frame = this.#frame();
    live.tell(answered.answer, answered.failed, (before, answer) => hashOf(before + textOf(answer, frame)));
    if (request.port !== 'journal' || request.method !== 'append' || (answered.answer as Appended).kind !== 'appended')
      return finding;
    return finding ?? judgeCommit(this.world, request.args[0] as Append);
  }

  #carryOut(request: EngineRequest, prepared: Prepared | null): { readonly answer: unknown; readonly failed: boolean } {
    try {
      const answer = this.world.answer(request, isPoint(request) ? prepared : null);
      if (isPoint(request)) this.narrate?.(`  ${described(request)}${outcomeOf(answer)}`);
      return { answer, failed: false };
    } catch (thrown) {
      if (!isKeyturnError(thrown)) throw thrown;
      this.narrate?.(`  ${described(request)} is refused: ${thrown.code}`);
      return { answer: thrown, failed: true };
    }
  }

  #leave(): void {
    this.#live = null;
    this.#stopped = null;
    this.#prepared = null;
  }

  // Deviations

  #byPeople(request: EngineRequest | null): readonly Deviation[] {
    const { bounds, world } = this;
    const spent = this.#spent;
    const { status, decision } = world.journal;
    const found: Deviation[] = [];
    const meant = request?.port === 'store' ? 'moveCurrent' : 'disable, destroy, append';
    if (!isOpen(status) || (request !== null && !meant.includes(request.method))) return [];
    const held = world.state.load(world.plan.rotationId)?.surroundings.held === true;
    // A hold in the midst of reading is one right before or right after.
    if (held || spent.holds < bounds.holds * 2 - 1) found.push({ kind: 'hold', held: !held });
    if (spent.moves < bounds.moves) {
      for (const stored of world.versions())
        if (!stored.labels.includes('current') && world.target.accepts(world.credential(stored)))
          found.push({ kind: 'move', version: stored.version });
    }
    // Who works hears of a command at its next commit, so one at any time before is one right before it.
    if (spent.commands < bounds.commands && (request === null || request.port === 'journal')) {
      if (status === 'parked') found.push({ kind: 'command', command: 'resume' });
      if (decision === null) found.push({ kind: 'command', command: 'cancel' });
    }
    return found;
  }

  #byStandby(): readonly Deviation[] {
    const { bounds, world } = this;
    if (this.#spent.failOvers >= bounds.failOvers) return [];
    if (this.#standby === null) return isOpen(world.journal.status) ? [{ kind: 'cut' }] : [];
    if (this.#standby.rotation !== world.rotation) return [];
    const noticed: Deviation = { kind: 'fail-over', noticed: true };
    return bounds.noticed ? [noticed] : [noticed, { kind: 'fail-over', noticed: false }];
  }

  /** A late request takes effect; who sent it has lost the lease and does nothing more. */
  #land(index: number): Finding {
    const flight = this.#flights[index];
    if (flight === undefined) throw new TypeError(`there is no flight ${index}`);
    this.#flights = this.#flights.filter((_, each) => each !== index);
    this.narrate?.('a late request LANDS:');
    const finding = judgeEffect(this.world, flight.request);
    this.#carryOut(flight.request, flight.prepared);
    return finding ?? judge(this.world, this.#atRest());
  }

  #backUpDatabase(): () => void {
    const restoreState = this.world.state.backUp();
    const restoreStore = this.bounds.leasedStore ? this.world.store.backUp() : () => undefined;
    return () => {
      restoreState();
      restoreStore();
    };
  }

  #failOver(noticed: boolean): void {
    const { world } = this;
    this.narrate?.(`the standby TAKES OVER${noticed ? ', and the workers see it' : ''}`);
    this.#leave();
    this.#standby?.restore();
    this.#standby = null;
    this.#spend('failOvers');
    // Without a new era nobody waits for them: then a fail-over has taken longer than a request lives.
    if (!noticed) this.#flights = this.#flights.filter((each) => !Number.isFinite(each.deadMs));
    if (noticed) this.#restored();
    else world.truth = { ...world.truth, forgotten: true };
    world.truth = { ...world.truth, broken: this.#isBroken() };
  }

  #isBroken(): boolean {
    const stored = this.world.read('current');
    return stored === null || !this.world.target.accepts(this.world.credential(stored));
  }

  #restored(): void {
    this.world.state.restored();
    this.world.truth = { ...this.world.truth, forgotten: false, broken: this.#isBroken() };
  }

  /** Until when a request may still arrive: its intent and the time it is good for. */
  #deadMs({ port }: EngineRequest): number {
    const { bounds, world } = this;
    const refused = port === 'target' ? bounds.fence : bounds.leasedStore;
    return refused ? Number.POSITIVE_INFINITY : (world.journal.intent?.atMs ?? world.clock.nowMs()) + settleMs;
  }

  #atRest(): boolean {
    const open = this.#flights.some((each) => Number.isFinite(each.deadMs));
    return this.#request() === null && !open && this.world.state.nextDueMs() === undefined;
  }

  #spend(what: keyof Spent): void {
    this.#spent = { ...this.#spent, [what]: this.#spent[what] + 1 };
  }
}
