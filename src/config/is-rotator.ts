import type { Rotator } from '../contract/rotator.js';

/** True for what has the members of a rotator; what they do is for the judge. */
export function isRotator(value: unknown): value is Rotator {
  if (typeof value !== 'object' || value === null) return false;
  const has = value as Readonly<Record<string, unknown>>;
  return (
    typeof has['name'] === 'string' &&
    typeof has['contract'] === 'number' &&
    typeof has['config'] === 'object' &&
    typeof has['credential'] === 'object' &&
    ['capabilities', 'principal', 'connect', 'classify'].every((member) => typeof has[member] === 'function')
  );
}
