import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Makes an empty folder that goes when the test has finished. Everybody may enter it, unless `mode` says otherwise. */
export async function temporaryFolder({ mode = 0o755 }: { readonly mode?: number } = {}): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'keyturn-test-')));
  await chmod(folder, mode);
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));
  return folder;
}
