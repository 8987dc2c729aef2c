import type { Workflow } from '../../src/contract/workflow.js';
import inPlaceRotation from '../../workflows/in-place-rotation.js';
import stagedRotation from '../../workflows/staged-rotation.js';

/** What an older version of the workers knows. */
export const older: readonly Workflow[] = [stagedRotation, inPlaceRotation];

/** The version that is rolled out while rotations are open: the same steps under another number. */
export const newest: readonly Workflow[] = [
  ...older,
  { ...stagedRotation, number: 2 },
  { ...inPlaceRotation, number: 2 },
];
