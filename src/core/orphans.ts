import type { Tagged } from './observation.js';

/**
 * What lives at a target and nothing explains: neither does `current` name it, nor is a rotation open that may have made
 * it. Never asked while one is open: its old credential carries the tag of a rotation that has ended.
 */
export function orphansOf(listed: readonly Tagged[], current: string | null): readonly Tagged[] {
  return listed.filter(({ identity, live }) => live && identity !== current);
}
