import { onTestFinished } from 'vitest';
import type { RedisProgram } from '../support/redis-program.js';
import { findFreePort, holdRedis } from '../support/redis.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import type { GivenServer } from './given-server.js';

/** A server whose only process a test may end and start again. */
export interface BreakableServer extends GivenServer {
  /** It ends at once, without a goodbye. *Repeat*: harmless. */
  readonly crash: () => Promise<void>;
  /** Starts it again on the same port, with what it had written. */
  readonly restart: () => Promise<void>;
}

/** Starts a Redis for this test, from a program: one that is given by URL is not ours to stop. */
export async function startQueueServer(program: RedisProgram): Promise<BreakableServer> {
  const place = { port: await findFreePort(), folder: await temporaryFolder(), isKept: true };
  const start = async (): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> => {
    const held = await holdRedis(program, place);
    if (held === undefined) throw new Error(`${program.source} does not start on port ${place.port}`);
    return held;
  };
  let held = await start();
  onTestFinished(async () => held.stop());
  const { url } = held;
  return {
    url: () => url,
    log: null,
    crash: async () => held.stop(),
    restart: async () => {
      held = await start();
    },
  };
}
