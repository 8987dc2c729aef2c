/** What both backends build workers with. */
export const workerOptions = {
  autorun: false,
  // A second net only: leases and the sweep give the recovery time.
  lockDuration: 30_000,
  stalledInterval: 30_000,
  maxStalledCount: 1,
  // Between tries while the connection is lost. Milliseconds.
  runRetryDelay: 1_000,
  removeOnComplete: { count: 0 },
  removeOnFail: { count: 0 },
} as const;

/** How long a connection may take to open. Milliseconds. */
export const connectTimeoutMs = 5_000;

/**
 * Rings for webhooks in hand at a time. Each waits until its webhook has been sent, which is waiting for somebody else, up to ten
 * seconds: with as few as there are rotations at a time, a handful of silent endpoints would hold up the rings of all others.
 */
export const deliveriesAtOnce = 256;
