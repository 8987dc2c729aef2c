import { describe, inject } from 'vitest';

/** The Redis of the whole run; `undefined` where none could be started. Each test takes key names of its own. */
export function sharedRedisUrl(): string | undefined {
  return inject('redis').url;
}

/**
 * A `describe` for what needs a Redis. Where there is none its tests are skipped, by a name that says why; with
 * `REQUIRE_REDIS=1` the run has failed before.
 */
export function describeWithRedis(name: string, body: (url: string) => void): void {
  const { url, reason } = inject('redis');
  if (url === undefined) describe.skip(`${name} (skipped: ${reason ?? 'no Redis'})`, () => body(''));
  else describe(name, () => body(url));
}
