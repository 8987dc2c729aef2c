import { describe, expect, test } from 'vitest';
import { reportFigure } from '../support/figures.js';
import { describeWithRedis } from '../support/shared-redis.js';
import { isLong } from '../support/length.js';
import type { QueueKind } from './ground.js';
import { findingsOf, lineOf } from './load-result.js';
import { runLoad } from './load-run.js';

/** Ends what hangs. How long a run takes is the machine's affair. */
const maxMs = 25 * 60_000;

const sentence = 'nobody notices that credentials are rotated while workers die and the queue is lost';

/** So many rotations, or as many as are begun in the time that the whole suite can spare. `npm run soak` has no bound. */
interface RunLength {
  readonly rotations: number;
  readonly seconds: number;
}

function rotateUnderLoad(queue: QueueKind, { rotations, seconds }: RunLength): void {
  test(sentence, { timeout: maxMs }, async (context) => {
    const result = await runLoad({
      queue,
      mayAsk: ({ asked, elapsedMs }) => asked < rotations && elapsedMs < seconds * 1_000,
      signal: context.signal,
      progress: () => {},
    });
    const { asked } = result.rotations;
    const isCut = asked < rotations ? `; not ${rotations} rotations: ${seconds} s were over` : '';
    reportFigure(context, `${lineOf(result)}${isCut}`);

    expect(findingsOf(result)).toEqual([]);
  });
}

describe.runIf(isLong)('rotations under load (takes minutes: npm run test:all)', () => {
  // The shared Redis says only that there is one: a run flushes a Redis of its own.
  describeWithRedis('with the queue on Redis', () => rotateUnderLoad('redis', { rotations: 100, seconds: 110 }));
  describe('with the queue on PostgreSQL', () => rotateUnderLoad('postgres', { rotations: 30, seconds: 40 }));
});
