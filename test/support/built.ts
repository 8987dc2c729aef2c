import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Builds `dist/` if a source is newer. *Repeat*: builds once in a process. *Errors*: it does not compile. */
export async function build(): Promise<void> {
  building ??= runBuild();
  await building;
}

let building: Promise<void> | undefined;

async function runBuild(): Promise<void> {
  const child = spawn(process.execPath, ['scripts/build.mjs', '--if-needed'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`the build ended with ${status}`);
}

/** The absolute path of a built module: `built('src/cli/bin.js')`. */
export function built(module: string): string {
  return `${root}dist/${module}`;
}
