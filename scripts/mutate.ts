import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Stryker } from '@stryker-mutator/core';
import { type MutationReport, type Survivor, compareSurvivors, readList, survivorsOf } from './mutants.js';

// `npm run mutate` judges the tests of what decides; `npm run mutate -- src/core/drain.ts` those of one file.
// Stryker itself fails the run below its threshold (stryker.config.json); this fails it where docs/mutants.md is wrong.

const root = fileURLToPath(new URL('..', import.meta.url));
const mutate = process.argv.slice(2);

process.chdir(root);
await new Stryker(mutate.length === 0 ? {} : { mutate }).runMutationTest();

// Stryker has written it a moment ago.
const report = JSON.parse(readFileSync('coverage/mutants.json', 'utf8')) as MutationReport;
const listed = readList(readFileSync('docs/mutants.md', 'utf8')).filter(({ file }) => file in report.files);
const found = survivorsOf(report);
const { unlisted, dead } = compareSurvivors(found, listed);

say('These live, and docs/mutants.md does not say why. Write the test that kills them, or the reason:', unlisted);
say('These are listed in docs/mutants.md, and died. Strike them off:', dead);

const all = Object.values(report.files).flatMap(({ mutants }) => mutants).length;
process.stdout.write(
  `mutation: ${all} mutants, ${all - found.length} killed, ${found.length - unlisted.length} listed survivors, ${unlisted.length} unlisted\n`,
);
if (unlisted.length + dead.length > 0) process.exitCode = 1;

function say(sentence: string, survivors: readonly Survivor[]): void {
  if (survivors.length === 0) return;
  const blocks = survivors.map(({ file, from, to }) => `${file}\n- ${from}\n+ ${to}`.trimEnd());
  process.stdout.write(`\n${sentence}\n\n${blocks.join('\n\n')}\n`);
}
