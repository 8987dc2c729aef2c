import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { plantedClauses } from '../test/adapters/planted-clauses.js';
import { SourceCopy } from '../test/support/source-copy.js';

// `npm run mutate:sql` takes every planted clause of the state database away, one at a time, and runs the suites of its
// adapters against the copy: a clause that no test misses fails the run, and so does one without which nothing can be
// tried, for that shows nothing. `npm run mutate:sql -- lease` takes those whose name holds the word. Each takes as long as
// the suites take to their first failure, some 20 seconds.

/** How the suites ended. `broken`: it was no test of theirs that failed. */
type Ended =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly test: string }
  | { readonly kind: 'broken'; readonly why: string };

/** The slice of Vitest's JSON report that is read. https://vitest.dev/guide/reporters#json-reporter */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

const suites = ['test/adapters/postgres', 'test/adapters/store'];
const wanted = process.argv[2] ?? '';
const clauses = plantedClauses.filter(({ name }) => name.includes(wanted));
const counted = { passed: 0, failed: 0, broken: 0 };

const copy = await SourceCopy.whole();
try {
  await assertSound('before');
  for (const { name, ...edit } of clauses) {
    const ended = await copy.planted([edit], run);
    counted[ended.kind] += 1;
    process.stdout.write(`${lineOf(name, ended)}\n`);
  }
  // What failed for another reason than the clause, a server that is gone for one, shows here.
  await assertSound('after');
} finally {
  await copy.remove();
}
process.stdout.write(`clauses of the state database: ${counted.failed} noticed / ${clauses.length}\n`);
process.exitCode = counted.failed === clauses.length ? 0 : 1;

function lineOf(name: string, ended: Ended): string {
  if (ended.kind === 'passed') return `MISSED  ${name}`;
  return ended.kind === 'failed'
    ? `noticed ${name}\n        by: ${ended.test}`
    : `BROKEN  ${name}\n        ${ended.why}`;
}

async function assertSound(when: string): Promise<void> {
  const ended = await run();
  if (ended.kind === 'passed') return;
  const what = ended.kind === 'failed' ? ended.test : ended.why;
  throw new Error(`the suites do not pass where nothing is taken away, ${when} the others: ${what}`);
}

/** Runs the suites in the copy to their first failure. */
async function run(): Promise<Ended> {
  const report = join(copy.folder, 'report.json');
  await rm(report, { force: true });
  const flags = ['--project', 'suite', '--bail', '1', '--reporter', 'json', '--outputFile', report];
  const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...flags, ...suites], {
    cwd: copy.folder,
    stdio: 'ignore',
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return { kind: 'passed' };
  const text = await readFile(report, 'utf8').catch(() => undefined);
  if (text === undefined) return { kind: 'broken', why: `the suites ended with ${code} and no report` };
  // What Vitest wrote a moment ago, in the form it documents.
  return endedBy(JSON.parse(text) as Report);
}

function endedBy({ testResults }: Report): Ended {
  const failed = testResults.flatMap((file) => file.assertionResults).filter(({ status }) => status === 'failed');
  const unread = testResults.find(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  );
  if (unread !== undefined) return { kind: 'broken', why: `${unread.name} did not run: ${firstLine(unread.message)}` };
  const [first] = failed;
  if (first === undefined) return { kind: 'broken', why: 'the suites failed and no test of them did' };
  const unmigrated = failed.find(({ failureMessages }) => failureMessages.some((each) => /migrate\.ts/.test(each)));
  if (unmigrated !== undefined)
    return { kind: 'broken', why: `not migrated: ${firstLine(unmigrated.failureMessages[0] ?? '')}` };
  return { kind: 'failed', test: first.fullName };
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
