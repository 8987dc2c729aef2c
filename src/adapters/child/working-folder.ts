import { mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How the name of every working folder begins. */
export const workingFolderName = 'keyturn-rotator-';

/** Makes an empty folder that only this user may enter. Absolute, and not a link. */
export async function makeWorkingFolder(): Promise<string> {
  return realpath(await mkdtemp(join(tmpdir(), workingFolderName)));
}
