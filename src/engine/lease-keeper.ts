import type { BoundEnginePorts } from '../ports/engine-ports.js';
import type { Lease } from '../ports/journal.js';

/** A lease of 5 s is renewed every 1.5 s. */
const RENEW_FRACTION = 0.3;

/**
 * Keeps one lease alive while work runs under it. The database's clock says how long a lease lasts; here a timer only
 * decides when to ask, and when to stop believing after the database has not answered for a whole lease.
 */
export class LeaseKeeper {
  readonly #leases: BoundEnginePorts['leases'];
  readonly #leaseMs: number;
  readonly #lost = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #believedUntilMs = Number.POSITIVE_INFINITY;

  constructor(leases: BoundEnginePorts['leases'], leaseMs: number) {
    this.#leases = leases;
    this.#leaseMs = leaseMs;
  }

  /**
   * Aborted once the lease is lost, or must be taken as lost. Looked at right before something is sent: a process that
   * stood still goes on with the answer it waited for before any timer of it runs.
   */
  get signal(): AbortSignal {
    if (performance.now() >= this.#believedUntilMs) this.#lose();
    return this.#lost.signal;
  }

  /** From now on it is renewed. It is believed from `askedAtMs` on, of `performance.now()`: the database counts from no earlier. */
  keep(lease: Lease, askedAtMs: number): void {
    if (lease.kind !== 'granted') return;
    this.#believedUntilMs = askedAtMs + this.#leaseMs;
    let asking = false;
    this.#timer = setInterval(() => {
      if (performance.now() >= this.#believedUntilMs) return this.#lose();
      if (asking) return;
      asking = true;
      const askedAt = performance.now();
      void renew(this.#leases, { secret: lease.secret, epoch: lease.fence.epoch, ttlMs: this.#leaseMs }).then(
        (answer) => {
          asking = false;
          if (answer === 'renewed' && Number.isFinite(this.#believedUntilMs))
            this.#believedUntilMs = askedAt + this.#leaseMs;
          if (answer === 'lost') this.#lose();
        },
      );
    }, this.#leaseMs * RENEW_FRACTION);
  }

  /** *Repeat*: harmless. */
  stop(): void {
    clearInterval(this.#timer);
    this.#believedUntilMs = Number.POSITIVE_INFINITY;
  }

  #lose(): void {
    this.stop();
    this.#lost.abort();
  }
}

/** An unreachable database is neither yes nor no: the next tick asks again, until the lease must have ended. */
async function renew(
  leases: BoundEnginePorts['leases'],
  lease: { readonly secret: string; readonly epoch: number; readonly ttlMs: number },
): Promise<'renewed' | 'lost' | 'unknown'> {
  try {
    return (await leases.renew(lease)) ? 'renewed' : 'lost';
  } catch {
    return 'unknown';
  }
}
