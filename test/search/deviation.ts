import type { CommandKind } from '../../src/core/rotation-event.js';

/** Something that happens instead of the next thing in the default schedule. */
export type Deviation =
  /** The executor stops for ever right before its request, which may still arrive. */
  | { readonly kind: 'pause' }
  /** The executor dies right before its commit. */
  | { readonly kind: 'crash' }
  | { readonly kind: 'land'; readonly flight: number }
  | { readonly kind: 'hold'; readonly held: boolean }
  | { readonly kind: 'move'; readonly version: number }
  | { readonly kind: 'command'; readonly command: CommandKind }
  /** The standby hears no more of the state database. */
  | { readonly kind: 'cut' }
  /** The standby takes over; `noticed`: the workers were started anew and saw it. */
  | { readonly kind: 'fail-over'; readonly noticed: boolean };
