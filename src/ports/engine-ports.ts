import type { Secret } from '../core/secret.js';
import type { Journal, Leases } from './journal.js';
import type { StepPorts } from './step-ports.js';

/** Seals small values with a data key and an authenticated context. */
export interface KeyringPort {
  /** Seals a value of this rotation under a slot, to be committed with the outcome that names it. */
  seal(slot: string, value: Secret): Uint8Array;
}

/** What the engine's generators may ask of the world: what steps may, and the engine's own. */
export interface EnginePorts extends StepPorts {
  readonly journal: Journal;
  readonly leases: Leases;
  readonly keyring: KeyringPort;
}
