import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { plantedClauses } from '../test/adapters/planted-clauses.js';
import { SourceCopy } from '../test/support/source-copy.js';

// `npm run mutate:sql` takes every clause of the state database away, one at a time, and runs the suites of its adapters
// against the copy: a clause that no test misses fails the run. `npm run mutate:sql -- lease` takes those whose name
// holds the word. Each takes as long as the suites take to their first failure, some 20 seconds.

const suites = ['test/adapters/postgres', 'test/adapters/store'];
const wanted = process.argv[2] ?? '';
const clauses = plantedClauses.filter(({ name }) => name.includes(wanted));
const missed: string[] = [];

const copy = await SourceCopy.whole();
try {
  if (!(await passes())) throw new Error('the suites fail where nothing was taken away');
  for (const { name, ...edit } of clauses) {
    const isMissed = await copy.planted([edit], passes);
    if (isMissed) missed.push(name);
    process.stdout.write(`${isMissed ? 'MISSED  ' : 'noticed '} ${name}\n`);
  }
} finally {
  await copy.remove();
}
process.stdout.write(`clauses of the state database: ${clauses.length - missed.length} noticed / ${clauses.length}\n`);
process.exitCode = missed.length === 0 ? 0 : 1;

/** Do the suites pass in the copy? */
async function passes(): Promise<boolean> {
  const program = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'suite', '--bail', '1', ...suites];
  const child = spawn(process.execPath, program, { cwd: copy.folder, stdio: 'ignore' });
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0;
}
