import { runSeed } from './world.js';

// Runs seeds one after the other until one violates something, and prints it as JSON; null: none does.
const seeds = Number(process.argv[2]);
let found = null;
for (let seed = 0; seed < seeds && found === null; seed += 1) {
  const [violation] = runSeed(seed).violations;
  if (violation !== undefined) found = { seed, ...violation };
}
process.stdout.write(`${JSON.stringify(found)}\n`);
