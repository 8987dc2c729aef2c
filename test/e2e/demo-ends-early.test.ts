import { beforeAll, describe, expect, test } from 'vitest';
import { build } from '../support/built.js';
import { type RunningDemo, leftOf, startDemo } from '../support/demo.js';
import { eventually } from '../support/eventually.js';
import { canSeeProcesses } from '../support/processes.js';

/** One after the other, and on a machine that does other things. */
const maxMs = 240_000;

beforeAll(build, maxMs);

async function told(demo: RunningDemo, text: string): Promise<void> {
  await eventually(`the demo tells ${text}`, () => demo.told().includes(text), { maxMs: maxMs / 2 });
}

describe.skipIf(!canSeeProcesses)('a demo that ends early (looks at /proc)', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'takes everything down and exits with 1 after %s',
    async (signal) => {
      const demo = await startDemo();
      await told(demo, '(a)');

      demo.child.kill(signal);

      expect((await demo.ended).status).toBe(1);
      expect(await leftOf(demo)).toEqual([]);
    },
    maxMs,
  );

  test.each(['Setting up', 'databases:', '(b)'])(
    'leaves nothing when it is killed with SIGKILL after it told `%s`',
    async (text) => {
      const demo = await startDemo();
      await told(demo, text);

      demo.child.kill('SIGKILL');
      await demo.ended;

      await eventually('nothing is left', async () => (await leftOf(demo)).length === 0, { maxMs: 30_000 });
    },
    maxMs,
  );
});
