import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { scanSinks } from '../support/leak-scanner.js';
import { filesAt } from '../support/sinks.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { WorkerFleet } from './worker-fleet.js';

/** A worker in name only: it says that it works, and leaks what it can. */
const leaky = `
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canary } from '${new URL('../support/canary.mjs', import.meta.url).href}';
console.log(canary());
console.error(canary());
writeFileSync(join(tmpdir(), 'planted'), canary());
console.error(JSON.stringify({ message: 'worker started', holder: 'leaky' }));
process.on('SIGTERM', () => process.exit(0));
setInterval(() => {}, 1_000);
`;

test('what a worker of the load rig prints, logs or leaves among the temporary files is found', async () => {
  const folder = await temporaryFolder();
  const program = join(folder, 'leaky.mjs');
  await writeFile(program, leaky);
  const workers = join(folder, 'workers');
  const fleet = new WorkerFleet(
    {
      program,
      configFile: join(folder, 'none'),
      urls: { database: 'postgres://nowhere', queue: 'redis://nowhere' },
      janitor: { folder, watch: () => undefined, cleanUp: async () => undefined },
    },
    workers,
  );
  fleet.start();
  await eventually('it works', () => fleet.ready === 1, { maxMs: 60_000 });
  await fleet.stop();

  const { leaks } = await scanSinks([], [filesAt(workers, 'workers')]);

  expect(leaks.map(({ sink }) => sink).sort()).toEqual(
    ['log', 'planted', 'stdout'].map((name) => `workers/worker-1/${name}`),
  );
});
