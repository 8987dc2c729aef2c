import { describe, expect, test } from 'vitest';
import { reportFigure } from '../support/figures.js';
import { describeWithRedis } from '../support/shared-redis.js';
import type { QueueKind } from './ground.js';
import { findingsOf, lineOf } from './load-result.js';
import { runLoad } from './load-run.js';

/** Ends what hangs. How long a run takes is the machine's affair. */
const maxMs = 25 * 60_000;

const sentence = 'nobody notices that credentials are rotated while workers die and the queue is lost';

/** As many rotations as fit into a run of the whole suite; `npm run soak` has no such bound. */
function rotateUnderLoad(queue: QueueKind, rotations: number): void {
  test(`${sentence}: ${rotations} rotations`, { timeout: maxMs }, async (context) => {
    const result = await runLoad({
      queue,
      mayAsk: ({ asked }) => asked < rotations,
      signal: context.signal,
      progress: () => {},
    });
    reportFigure(context, lineOf(result));

    expect(findingsOf(result)).toEqual([]);
  });
}

describe.runIf(process.env['KEYTURN_TEST_LONG'] === '1')(
  'rotations under load (takes minutes: npm run test:all)',
  () => {
    // The shared Redis says only that there is one: a run flushes a Redis of its own.
    describeWithRedis('with the queue on Redis', () => rotateUnderLoad('redis', 100));
    describe('with the queue on PostgreSQL', () => rotateUnderLoad('postgres', 30));
  },
);
