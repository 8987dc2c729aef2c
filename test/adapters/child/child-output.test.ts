import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { childOutput } from '../../../src/adapters/child/child-output.js';
import { scrubbed } from './scrubbed.js';

const value = 'kt-canary-value-of-the-credential';

test('what is held open by something that has left is not shown: of a value that was cut no log knows', async () => {
  const lines: string[] = [];
  const stream = new PassThrough();
  const output = childOutput([stream], { maxMs: 50 });
  const half = value.slice(0, 20);
  stream.write(half);

  const written = await output.closed();
  written.tell(scrubbed(lines, [value]), { level: 'debug', isUnseen: false });

  expect(lines).toEqual([
    `debug what the process of the rotator wrote could not be read to its end {"bytes":${half.length}}`,
  ]);
  expect(stream.destroyed).toBe(true);
});
