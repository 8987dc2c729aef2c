/** Rings for rotations and deliveries: at least once, duplicates harmless, and allowed to be lost. */
export interface Wakeups {
  /** `urgent` before everything scheduled. *Errors* `QUEUE_UNAVAILABLE`; the sweep rings again. */
  ring(wakeup: Wakeup): Promise<void>;
}

/** One ring. Its id in the queue is made of `about`, `id` and `key`, so that the same ring is one job. */
export interface Wakeup {
  readonly about: 'rotation' | 'delivery';
  readonly id: string;
  /** What makes this ring another one than the last: the sequence number of the event that asks for it. */
  readonly key: string;
  /** A hint: the database decides whether it is time. Milliseconds. */
  readonly delayMs: number;
  readonly urgent: boolean;
}

/** The other end: hands rings to the engine. */
export interface WakeupSource {
  /**
   * Begins to take rings, at most `concurrency` of rotations at a time, and of deliveries, which wait for others, more. Resolves when it is
   * ready. *Errors* `QUEUE_UNAVAILABLE`, `DATABASE_UNMIGRATED` where the first try fails; it keeps trying by itself
   * until `stop`, and work goes on by the sweep meanwhile.
   */
  start(handlers: WakeupHandlers, concurrency: number): Promise<void>;
  /** Takes no further rings and resolves when those in work have ended. */
  stop(): Promise<void>;
}

/** What is done when it rings. They must not throw: a ring that fails is found again by the sweep. */
export interface WakeupHandlers {
  readonly rotation: (rotationId: string) => Promise<void>;
  readonly delivery: (deliveryId: string) => Promise<void>;
}
