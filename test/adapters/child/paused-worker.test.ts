import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Secret } from '../../../src/core/secret.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { aContext, connected, thrownBy } from './plugin.js';

const credential = { identity: 'acme-1', value: Secret.fromText('kt-canary-value-of-the-credential') };

/** As under SIGSTOP: nothing of this process is run until that is so, or five seconds are over. */
function paused(until: () => boolean): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (let turn = 0; turn < 100 && !until(); turn += 1) Atomics.wait(cell, 0, 0, 50);
}

test('a call ends at its deadline although its worker is paused and tells nobody', async () => {
  const folder = await temporaryFolder();
  const [begun, ended] = [join(folder, 'begun'), join(folder, 'ended')];
  const { connection } = await connected({
    top: "import { writeFileSync } from 'node:fs';",
    members: `() => ({
      identify: async () => ({ system: 's' }),
      create: (_, { signal }) => new Promise((_, reject) => {
        writeFileSync('${begun}', '');
        signal.addEventListener('abort', () => { writeFileSync('${ended}', ''); reject(new Error('given up')); });
      }),
    })`,
    allowance: { write: [folder] },
  });
  await connection.identify(aContext());

  const call = thrownBy(connection.create(credential, aContext({ deadlineMs: 1_000 })));
  await new Promise(setImmediate);
  paused(() => existsSync(begun));
  paused(() => existsSync(ended));

  expect([existsSync(begun), existsSync(ended)]).toEqual([true, true]);
  expect((await call).message).toBe('given up');
});
