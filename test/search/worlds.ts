import type { Bounds } from './bounds.js';

const nothing: Bounds = {
  name: 'nothing',
  fence: true,
  leasedStore: true,
  rotations: 1,
  pauses: 0,
  crashes: 0,
  takeovers: 4,
  holds: 0,
  moves: 0,
  commands: 0,
  failOvers: 0,
  noticed: false,
  deviations: 8,
};
const noFence = { fence: false };
const noCompare = { leasedStore: false };

/** The small worlds that are searched in every run. */
export const worlds: readonly Bounds[] = [
  { ...nothing, name: 'a fence: a pause, a crash', pauses: 1, crashes: 1 },
  { ...nothing, ...noFence, name: 'no fence: a pause, a crash', pauses: 1, crashes: 1 },
  { ...nothing, ...noCompare, name: 'no compare-and-set: a pause, a crash', pauses: 1, crashes: 1 },
  { ...nothing, ...noFence, ...noCompare, name: 'neither: two pauses', pauses: 2, deviations: 3 },
  { ...nothing, name: 'a fence: a pause, a cancel', pauses: 1, commands: 1, deviations: 3 },
  { ...nothing, ...noFence, name: 'no fence: a pause, a cancel', pauses: 1, commands: 1, deviations: 3 },
  { ...nothing, ...noCompare, name: 'no compare-and-set: a pause, a cancel', pauses: 1, commands: 1, deviations: 3 },
  { ...nothing, name: 'a fence: people', holds: 1, moves: 1, commands: 1, pauses: 1, deviations: 2 },
  { ...nothing, ...noFence, name: 'no fence: people', holds: 1, moves: 1, commands: 1, pauses: 1, deviations: 2 },
  { ...nothing, name: 'a fence: two rotations', rotations: 2, pauses: 2, deviations: 3 },
  { ...nothing, ...noFence, ...noCompare, name: 'neither: two rotations', rotations: 2, pauses: 2, deviations: 3 },
  { ...nothing, ...noCompare, name: 'a fail-over', failOvers: 1, pauses: 1, deviations: 3 },
];

/** The same with more of everything, and with commands after a fail-over; takes minutes. */
export const widerWorlds: readonly Bounds[] = [
  { ...nothing, ...noCompare, name: 'a fail-over, a cancel', failOvers: 1, commands: 1, noticed: true, deviations: 3 },
  { ...nothing, name: 'a fail-over of the store too, a cancel', failOvers: 1, commands: 1, deviations: 3 },
  {
    ...nothing,
    ...noFence,
    name: 'no fence: a fail-over, a cancel',
    failOvers: 1,
    commands: 1,
    noticed: true,
    deviations: 3,
  },
  { ...nothing, name: 'a fence: three pauses, a crash', pauses: 3, crashes: 1, deviations: 5 },
  { ...nothing, ...noFence, name: 'no fence: three pauses, a crash', pauses: 3, crashes: 1, deviations: 5 },
  { ...nothing, ...noCompare, name: 'no compare-and-set: two pauses, a crash', pauses: 2, crashes: 1 },
  {
    ...nothing,
    ...noFence,
    ...noCompare,
    name: 'neither: a pause, a crash, a cancel',
    pauses: 1,
    crashes: 1,
    commands: 1,
    deviations: 3,
  },
  { ...nothing, name: 'a fence: people', holds: 1, moves: 1, commands: 1, pauses: 1, deviations: 3 },
  { ...nothing, ...noFence, name: 'no fence: people', holds: 1, moves: 1, commands: 1, pauses: 1, deviations: 3 },
  { ...nothing, name: 'a fence: two rotations, a crash', rotations: 2, pauses: 2, crashes: 1, deviations: 4 },
  { ...nothing, ...noFence, ...noCompare, name: 'neither: two rotations', rotations: 2, pauses: 2, deviations: 4 },
  {
    ...nothing,
    ...noCompare,
    name: 'a fail-over that is noticed',
    failOvers: 1,
    noticed: true,
    pauses: 1,
    deviations: 4,
  },
  {
    ...nothing,
    ...noFence,
    ...noCompare,
    name: 'neither: a fail-over, a pause, a cancel',
    failOvers: 1,
    pauses: 1,
    commands: 1,
    noticed: true,
    deviations: 4,
  },
];

/** Where each rule that can be taken away is missed: the smallest world for it. */
export const takeawayWorlds: Readonly<Record<string, Bounds>> = {
  raise: { ...nothing, name: 'raise', pauses: 1, commands: 1, deviations: 3 },
  settle: { ...nothing, ...noFence, name: 'settle', pauses: 1, commands: 1, deviations: 3 },
  content: { ...nothing, name: 'content', moves: 1, commands: 1, deviations: 2 },
  era: { ...nothing, ...noCompare, name: 'era', failOvers: 1, noticed: true, pauses: 1, deviations: 4 },
  entry: { ...nothing, ...noCompare, name: 'entry', failOvers: 1, noticed: true, commands: 1, deviations: 3 },
  'every act': { ...nothing, ...noCompare, name: 'every act', failOvers: 1, noticed: true, commands: 1, deviations: 3 },
  'seen anew': { ...nothing, ...noCompare, name: 'seen anew', failOvers: 1, noticed: true, commands: 1, deviations: 3 },
  'what is lost': {
    ...nothing,
    ...noFence,
    ...noCompare,
    name: 'what is lost',
    failOvers: 1,
    noticed: true,
    pauses: 1,
    deviations: 4,
  },
};
