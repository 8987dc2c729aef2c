import { explore } from './explore.js';
import { takeawayWorlds } from './worlds.js';

// Searches the world that is named and prints what it found as JSON.
const bounds = takeawayWorlds[process.argv[2] ?? ''];
if (bounds === undefined) throw new Error(`there is no world ${process.argv[2]}`);
process.stdout.write(`${JSON.stringify(explore(bounds))}\n`);
