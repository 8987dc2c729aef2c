// Loaded into a process of a test before anything else: on SIGUSR2 it prints a value as a rotator generates it, and then
// leaves one among the temporary files, so that a test can see whether a scan finds them.
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canary } from './canary.mjs';

process.on('SIGUSR2', () => {
  console.log(canary());
  writeFileSync(join(tmpdir(), 'planted'), canary());
});
