import { crashMatrix } from './crash-matrix.js';
import { scenarios } from './scenarios.js';

// Runs the matrix over the scenarios named, one after the other, and prints the first finding as JSON; null: none.
const names = process.argv.slice(2);
let first = null;
for (const name of names) {
  const chosen = scenarios.filter((each) => each.name === name);
  if (chosen.length === 0) throw new Error(`there is no scenario ${name}`);
  first = crashMatrix(chosen).findings[0] ?? null;
  if (first !== null) break;
}
process.stdout.write(`${JSON.stringify(first)}\n`);
