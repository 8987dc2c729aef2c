import { describe, inject } from 'vitest';

/**
 * A `describe` for what needs a Redis: that of the whole run, so each test takes key names of its own. Where there is
 * none its tests are skipped, by a name that says why; with `REQUIRE_REDIS=1` the run has failed before.
 */
export function describeWithRedis(name: string, body: (url: string) => void): void {
  const { url, reason } = inject('redis');
  if (url === undefined) describe.skip(`${name} (skipped: ${reason ?? 'no Redis'})`, () => body(''));
  else describe(name, () => body(url));
}
