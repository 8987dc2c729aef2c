import type { Bounds } from './bounds.js';

const nothing: Bounds = {
  name: 'nothing',
  fence: true,
  leasedStore: true,
  rotations: 1,
  pauses: 0,
  crashes: 0,
  takeovers: 0,
  holds: 0,
  moves: 0,
  commands: 0,
  failOvers: 0,
  deviations: 8,
};

/** The small worlds that are searched. */
export const worlds: readonly Bounds[] = [
  { ...nothing, name: 'a target with a fence', pauses: 1, crashes: 1, takeovers: 2, commands: 0 },
];
