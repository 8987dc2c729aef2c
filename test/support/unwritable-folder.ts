import { chmod, chown, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { tallyVariable } from './canary.mjs';

/** The number of the account `nobody`. */
const nobody = 65_534;

/**
 * Lets this process read a folder with its files, and write nothing there. Nothing is forbidden to root: root is nobody
 * until it is undone. *Returns* what undoes it; *repeat*: harmless.
 */
export async function forbidWriting(folder: string): Promise<() => Promise<void>> {
  if (process.getuid?.() === 0) {
    for (const file of await readdir(folder)) await chown(join(folder, file), nobody, nobody);
    // What counts the values of this run takes a line from nobody as well.
    const tally = process.env[tallyVariable];
    if (tally !== undefined) await chmod(tally, 0o666);
    await chmod(folder, 0o555);
    process.seteuid?.(nobody);
  } else {
    await chmod(folder, 0o555);
  }
  return async () => {
    if (process.getuid?.() === 0) process.seteuid?.(0);
    await chmod(folder, 0o700);
  };
}
