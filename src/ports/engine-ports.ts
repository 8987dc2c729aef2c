import type { Secret } from '../core/secret.js';
import type { Async, Journal, Leases } from './journal.js';
import type { Bound, BoundStepPorts, StepPorts } from './step-ports.js';

/** Seals small values with a data key and an authenticated context. */
export interface SealerPort {
  /** Seals a value of this rotation under a slot, to be committed with the outcome that names it. */
  seal(slot: string, value: Secret): Uint8Array;
}

/** What the executor's own process knows. Nothing that decides about safety is asked here. */
export interface ProcessPort {
  /** A clock that only measures durations. Milliseconds. */
  elapsedMs(): number;
  /** True once the worker was asked to stop: it finishes what it does and hands the rotation over. */
  stopping(): boolean;
}

/** What the engine's generators may ask of the world: what steps may, and the engine's own. */
export interface EnginePorts extends StepPorts {
  readonly sealer: SealerPort;
  readonly process: ProcessPort;
  readonly journal: Journal;
  readonly leases: Leases;
}

/** All ports of the engine as adapters implement them: those that act for a rotation are told for which. */
export interface BoundEnginePorts extends BoundStepPorts {
  readonly sealer: Bound<SealerPort>;
  readonly process: ProcessPort;
  readonly journal: Async<Journal>;
  readonly leases: Async<Leases>;
}
