import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { draftsOf, readOwnFile, removeFile } from './replaced-file.js';
import { AgentSettingError } from './setting-error.js';

/** Where it is written that the application is still to be told of the file. Hidden, and beside it, as all of ours. */
export const reloadFileOf = (path: string): string => besideOf(path, 'reload');

/** Where a pending version of the file is tried. */
export const pendingFileOf = (path: string): string => besideOf(path, 'pending');

/**
 * Removes what a killed agent had begun to write, and a pending version that it was trying: they hold values. That the
 * application is still to be told stays. *Repeat*: harmless; not while another agent is at the file.
 *
 * *Errors* `AgentSettingError` where something that is no file of ours has one of these names.
 */
export async function removeLeftovers(path: string): Promise<void> {
  const names = await readdir(dirname(path));
  const pending = pendingFileOf(path);
  const drafts = [path, pending].flatMap((each) =>
    names.filter(draftsOf(each)).map((name) => join(dirname(path), name)),
  );
  for (const each of [pending, ...drafts]) {
    await removeFile(each).catch(() => {
      throw inTheWay(each);
    });
  }
  const reload = reloadFileOf(path);
  await readOwnFile(reload).catch(() => {
    throw inTheWay(reload);
  });
}

const besideOf = (path: string, purpose: string): string =>
  join(dirname(path), `.${basename(path)}.keyturn-${purpose}`);

function inTheWay(path: string): Error {
  const cure = 'Remove it: the agent keeps a file of its own under this name.';
  return new AgentSettingError('--file', `${path} is in the way`, cure);
}
