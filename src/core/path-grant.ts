import { pathFault } from './parameter-path.js';

/** What a principal may do with the parameters of a path. */
export type Verb = 'read' | 'write' | 'delete';

/** Every verb there is. `write` is puts, labels and tags. */
export const verbs: readonly Verb[] = ['read', 'write', 'delete'];

/**
 * One allowance. `/prod/billing/db` is that parameter; `/prod/billing/*` is everything below; a `*` between slashes is one
 * level. A `*` is always a whole segment, so that `/teamA/*` never reaches into `/teamAB`.
 */
export interface PathGrant {
  readonly path: string;
  readonly allow: readonly Verb[];
}

/** Says why a pattern is none; `undefined` where it is one. */
export function grantFault(pattern: string): string | undefined {
  if (pattern === '/*') return undefined;
  const segments = pattern.split('/');
  if (segments.some((segment) => segment.includes('*') && segment !== '*')) {
    return 'a * in a path stands for a whole segment: /prod/billing/*';
  }
  return pathFault(segments.map((segment) => (segment === '*' ? 'x' : segment)).join('/'));
}

/** May this parameter be used so? Nothing is allowed that no grant names. */
export function isGranted(grants: readonly PathGrant[], verb: Verb, path: string): boolean {
  const segments = path.split('/');
  return grants.some((grant) => grant.allow.includes(verb) && covers(grant.path.split('/'), segments));
}

/** May everything below this path be used so? Only where one grant ends in `*` at this path or above it. */
export function isTreeGranted(grants: readonly PathGrant[], verb: Verb, path: string): boolean {
  const segments = path === '/' ? [''] : path.split('/');
  return grants.some((grant) => {
    const pattern = grant.path.split('/');
    if (!grant.allow.includes(verb) || pattern.at(-1) !== '*') return false;
    const above = pattern.slice(0, -1);
    return above.length <= segments.length && above.every((segment, index) => matches(segment, segments[index]));
  });
}

/** The patterns of a verb as regular expressions that match whole paths, for a database to filter by. */
export function grantExpressions(grants: readonly PathGrant[], verb: Verb): readonly string[] {
  return grants
    .filter(({ allow }) => allow.includes(verb))
    .map(({ path }) => {
      const segments = path.split('/');
      const last = segments.length - 1;
      const parts = segments.map((segment, index) =>
        segment !== '*' ? segment.replaceAll('.', '\\.') : index === last ? '.+' : '[^/]+',
      );
      return `^${parts.join('/')}$`;
    });
}

function covers(pattern: readonly string[], path: readonly string[]): boolean {
  const isTree = pattern.at(-1) === '*';
  if (isTree ? path.length < pattern.length : path.length !== pattern.length) return false;
  return pattern.every((segment, index) => matches(segment, path[index]));
}

const matches = (pattern: string, segment: string | undefined): boolean =>
  segment !== undefined && (pattern === segment || (pattern === '*' && segment !== ''));
