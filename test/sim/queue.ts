import type { Chance } from './chance.js';
import type { Executor } from './executor.js';
import type { Profile } from './profile.js';
import type { Trace } from './trace.js';
import type { VirtualTime } from './virtual-time.js';

/** How long until a job is offered again that nobody had a place for. Milliseconds. */
const OFFER_AGAIN_MS = 200;

/** How long a queue that is down stays down. Milliseconds. */
const outagesMs = [2_000, 20_000, 60_000] as const;

/** How often something may happen to the whole queue. Milliseconds. */
const WEATHER_MS = 7_000;

/**
 * The queue: rings, at least once on a good day. It drops, doubles, delays and forgets them, is down, takes rings
 * without handing any out, and hands out jobs of rotations that ended long ago or never were.
 */
export class Queue {
  readonly #time: VirtualTime;
  readonly #profile: Profile;
  readonly #trace: Trace;
  readonly #chance: Chance;
  readonly #executors: readonly Executor[];
  /** Rises when the queue is flushed: what was in it before is never handed out. */
  #flushes = 0;
  #downUntilMs = 0;
  readonly #seen: string[] = ['never-was'];

  constructor(
    chance: Chance,
    parts: { readonly time: VirtualTime; readonly profile: Profile; readonly trace: Trace },
    executors: readonly Executor[],
  ) {
    this.#chance = chance.split('queue');
    this.#time = parts.time;
    this.#profile = parts.profile;
    this.#trace = parts.trace;
    this.#executors = executors;
    this.#weather();
  }

  /** *Returns* false where it cannot be reached. */
  ring(rotationId: string, delayMs: number): boolean {
    if (this.#time.nowMs < this.#downUntilMs) return false;
    if (this.#seen.length < 16) this.#seen.push(rotationId);
    if (this.#profile.strikes('queue-drops', this.#chance, 0.15)) return true;
    const late = this.#profile.strikes('queue-reorders', this.#chance, 0.2) ? this.#chance.below(12_000) : 0;
    this.#handOut(rotationId, delayMs + late + this.#chance.between(1, 4));
    if (this.#profile.strikes('queue-doubles', this.#chance, 0.2))
      this.#handOut(rotationId, delayMs + this.#chance.below(6_000));
    if (this.#profile.strikes('queue-reuses-ids', this.#chance, 0.05))
      this.#handOut(this.#chance.pick(this.#seen), delayMs);
    return true;
  }

  #handOut(rotationId: string, inMs: number): void {
    const flushes = this.#flushes;
    this.#time.after(inMs, () => {
      if (flushes !== this.#flushes) return;
      const waitMs = this.#downUntilMs - this.#time.nowMs;
      if (waitMs > 0) return this.#handOut(rotationId, waitMs);
      const ready = this.#executors.filter((each) => each.hasPlace);
      if (ready.length === 0) return this.#handOut(rotationId, OFFER_AGAIN_MS);
      this.#chance.pick(ready).take(rotationId);
    });
  }

  #weather(): void {
    this.#time.after(WEATHER_MS, () => {
      if (this.#profile.strikes('queue-flushed', this.#chance, 0.2)) {
        this.#flushes += 1;
        this.#trace.note(this.#time.nowMs, 'queue flushed');
      }
      if (this.#profile.strikes('queue-down', this.#chance, 0.15)) {
        this.#downUntilMs = this.#time.nowMs + this.#chance.pick(outagesMs);
        this.#trace.note(this.#time.nowMs, 'queue down');
      }
      if (this.#time.nowMs < this.#profile.faultsEndMs) this.#weather();
      else this.#downUntilMs = 0;
    });
  }
}
