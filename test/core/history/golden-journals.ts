import { readFileSync, readdirSync } from 'node:fs';
import type { HistoryOptions } from '../../../src/core/history/violation.js';
import type { Recorded } from '../../../src/core/rotation-event.js';
import inPlaceRotation from '../../../workflows/in-place-rotation.js';
import stagedRotation from '../../../workflows/staged-rotation.js';

const folder = new URL('../golden/', import.meta.url);

/** Every workflow there is, and a clock without steps. */
export const strict: HistoryOptions = { workflows: [stagedRotation, inPlaceRotation], slackMs: 0 };

/** The names of all golden journals. */
export const goldenNames: readonly string[] = readdirSync(folder).map((file) => file.replace(/\.json$/, ''));

/** The journal of a release, as it was committed. A new copy each time. */
export function golden(name: string): Recorded[] {
  return JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as Recorded[];
}
