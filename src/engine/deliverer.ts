import { isKeyturnError } from '../core/errors.js';
import type { Deliveries, Delivery, DeliveryTry, WebhookSender } from '../ports/operations.js';
import { type DeliveryPorts, deliver } from './deliver.js';
import { gathered } from './gathered.js';

/** So many due webhooks are rung for with one ring, and taken for it: a job of the queue for each took longer than sending them. */
export const RUNG_TOGETHER = 128;

/**
 * Webhooks on their way at a time. Sending one is waiting for somebody else, up to ten seconds: with as few as there are
 * rotations at a time, a handful of silent endpoints would hold up all others until each of them rests.
 */
const AT_ONCE = 256;

/** Where fewer places are free and more is due, it is waited for a moment until more of them are: each statement looks at all endpoints. */
const WORTH_TAKING = 32;
const MOMENT_MS = 20;

/** Longer than a webhook can take, so that nobody else sends it meanwhile. Milliseconds. */
const TAKE_FOR_MS = 30_000;

/** What it stands on. */
export interface DelivererParts {
  readonly deliveries: Deliveries;
  readonly sender: WebhookSender;
  readonly log: DeliveryPorts['log'];
}

/** Somebody who waits until what it rang for is looked at, and sent if it was due. */
interface Rung {
  readonly ended: Promise<void>;
  readonly end: () => void;
  readonly fail: (reason: unknown) => void;
}

/**
 * Sends the webhooks that are due when it rings, {@link AT_ONCE} at a time. What finds a place is taken in one statement, and what
 * ends while another is written down is written down together: with two statements for each webhook a thousand of them took seconds.
 */
export class Deliverer {
  readonly #parts: DelivererParts;
  readonly #ports: DeliveryPorts;
  readonly #stopping: () => boolean;
  readonly #rung = new Map<string, Rung>();
  readonly #work = new Set<Promise<void>>();
  /** How many more are worth taking. */
  #others = 0;
  #underWay = 0;
  #isTaking = false;

  constructor(parts: DelivererParts, stopping: () => boolean = () => false) {
    this.#parts = parts;
    const record = gathered((tries: readonly DeliveryTry[]) => parts.deliveries.record(tries), AT_ONCE);
    this.#ports = { sender: parts.sender, log: parts.log, record };
    this.#stopping = stopping;
  }

  /**
   * Takes this webhook, where it is due, and with it others that are, unless the worker stops. Resolves when this one has been
   * sent, or is not to be. *Repeat*: a ring for another time does nothing. *Errors* those of taking.
   */
  async ring(deliveryId: string): Promise<void> {
    if (this.#stopping()) return;
    this.#others += RUNG_TOGETHER - 1;
    const rung = this.#rung.get(deliveryId) ?? newRung();
    this.#rung.set(deliveryId, rung);
    this.#fill();
    await rung.ended;
  }

  /** Resolves when nothing is under way any more; the worker stops before. */
  async ended(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  /** Fills the free places, if nobody does so already. */
  #fill(): void {
    if (this.#isTaking) return;
    this.#isTaking = true;
    this.#track(this.#takeAll());
  }

  async #takeAll(): Promise<void> {
    try {
      while (this.#underWay < AT_ONCE && this.#wanted > 0 && !this.#stopping()) {
        const room = AT_ONCE - this.#underWay;
        if (room < Math.min(this.#wanted, WORTH_TAKING)) await aMoment();
        await this.#take();
      }
    } finally {
      // In the same turn as the last look, so that no ring falls between them.
      this.#isTaking = false;
    }
    if (!this.#stopping()) return;
    for (const { end } of this.#rung.values()) end();
    this.#rung.clear();
  }

  get #wanted(): number {
    return this.#rung.size + this.#others;
  }

  async #take(): Promise<void> {
    const room = AT_ONCE - this.#underWay;
    const rung = new Map([...this.#rung].slice(0, room));
    for (const deliveryId of rung.keys()) this.#rung.delete(deliveryId);
    const others = Math.min(this.#others, room - rung.size);
    const left = this.#others - others;
    // What rings from here on is not answered by what is taken now.
    this.#others = 0;
    let taken: readonly Delivery[];
    try {
      taken = await this.#parts.deliveries.take({ deliveryIds: [...rung.keys()], others, forMs: TAKE_FOR_MS });
    } catch (thrown) {
      for (const { fail } of rung.values()) fail(thrown);
      return;
    }
    for (const delivery of taken) {
      this.#send(delivery, rung.get(delivery.deliveryId));
      rung.delete(delivery.deliveryId);
    }
    for (const { end } of rung.values()) end();
    // Fewer than were asked for: nothing more is due.
    if (taken.length >= others) this.#others += left;
  }

  #send(delivery: Delivery, rung: Rung | undefined): void {
    this.#underWay += 1;
    const sent = deliver(delivery, this.#ports).then(
      (hasMore) => {
        if (hasMore) this.#others += 1;
      },
      (thrown: unknown) => {
        const { deliveryId, environment, endpoint } = delivery;
        const code = isKeyturnError(thrown) ? thrown.code : thrown instanceof Error ? thrown.name : typeof thrown;
        this.#parts.log.warn(
          { deliveryId, environment, endpoint, code },
          'how a webhook went is not known, it is sent again',
        );
      },
    );
    this.#track(
      sent.then(() => {
        this.#underWay -= 1;
        rung?.end();
        this.#fill();
      }),
    );
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }
}

const aMoment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, MOMENT_MS));

function newRung(): Rung {
  let [end, fail]: [() => void, (reason: unknown) => void] = [() => undefined, () => undefined];
  const ended = new Promise<void>((resolve, reject) => {
    [end, fail] = [resolve, reject];
  });
  return { ended, end, fail };
}
