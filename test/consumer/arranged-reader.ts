import {
  type CachedReader,
  type CachedReaderOptions,
  type ParameterAnswer,
  type ReadFailure,
  createCachedReader,
} from 'keyturn/consumer';

export const value = 'Zm9vYmFyYmF6cXV4Zm9vYmFy';
export const db = '/prod/billing/db:current';

export class ThrottlingException extends Error {
  override readonly name = 'ThrottlingException';
}

/** A store the application reads, a clock that goes when told to, and no chance. */
export function arrange(options: Partial<CachedReaderOptions<string>> = {}) {
  const world = {
    nowMs: 1_000_000,
    calls: [] as string[],
    failures: [] as ReadFailure[],
    answer: { value, version: 7 } as ParameterAnswer<string>,
    /** Thrown instead, while it is there. */
    error: undefined as Error | undefined,
    reader: undefined as unknown as CachedReader<string>,
  };
  world.reader = createCachedReader<string>({
    read: async (name) => {
      world.calls.push(name);
      if (world.error !== undefined) throw world.error;
      return world.answer;
    },
    now: () => world.nowMs,
    random: () => 0,
    onFailure: (failure) => world.failures.push(failure),
    ...options,
  });
  return world;
}

/** Reads once a second for so long; the value read last. */
export async function readFor(world: ReturnType<typeof arrange>, forMs: number): Promise<string> {
  let last = '';
  for (const endMs = world.nowMs + forMs; world.nowMs < endMs; world.nowMs += 1_000) {
    last = (await world.reader.read(db)).value;
    // What was begun behind an answer ends before the next one.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return last;
}
