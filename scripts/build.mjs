// Emits dist/: compiled sources, declarations and the SQL files beside the modules that read them.
//
//   node scripts/build.mjs              always builds, from an empty dist/
//   node scripts/build.mjs --if-needed  does nothing while dist/ is newer than every source
//
// Nothing here writes to stdout: `npm run demo -- --json` promises that the last line of stdout is its document.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const sources = ['src', 'rotators', 'workflows'];
// Copied as they are: `keyturn rotator new` hands them out.
const templates = ['scaffold'];
const settings = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs'];
const stamp = join(root, 'dist', '.built');

const newestMs = (path) => {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  // A folder's own time changes when a file is removed from it, which must rebuild as well.
  return readdirSync(path).reduce((newest, name) => Math.max(newest, newestMs(join(path, name))), stat.mtimeMs);
};

const isCurrent = () => {
  if (!existsSync(stamp)) return false;
  const builtMs = statSync(stamp).mtimeMs;
  return [...sources, ...templates, ...settings].every((path) => newestMs(join(root, path)) < builtMs);
};

// Built beside and moved into place whole: a demo or a test that runs meanwhile never sees half a dist/.
const moveIntoPlace = (built, attemptsLeft = 5) => {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  try {
    renameSync(built, join(root, 'dist'));
  } catch (error) {
    // Another build moved its own in between our two calls.
    if (attemptsLeft === 0 || !['ENOTEMPTY', 'EEXIST'].includes(error.code)) throw error;
    moveIntoPlace(built, attemptsLeft - 1);
  }
};

if (!(process.argv.includes('--if-needed') && isCurrent())) {
  // The stamp is dated at the start: an edit made while the compiler ran is not taken for built.
  const startedAt = new Date();
  const building = join(root, `dist.${process.pid}`);
  process.once('exit', () => rmSync(building, { recursive: true, force: true }));

  const tsc = spawnSync(
    process.execPath,
    [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json', '--outDir', building],
    { cwd: root, stdio: ['ignore', 2, 2] },
  );
  if (tsc.status !== 0) process.exit(tsc.status ?? 1);

  for (const folder of sources.filter((name) => existsSync(join(root, name)))) {
    cpSync(join(root, folder), join(building, folder), {
      recursive: true,
      filter: (from) => statSync(from).isDirectory() || from.endsWith('.sql'),
    });
  }
  for (const folder of templates) cpSync(join(root, folder), join(building, folder), { recursive: true });
  const bin = join(building, 'src', 'cli', 'bin.js');
  if (existsSync(bin)) chmodSync(bin, 0o755);
  writeFileSync(join(building, '.built'), '');
  utimesSync(join(building, '.built'), startedAt, startedAt);
  moveIntoPlace(building);
}
