import { isolated } from 'keyturn';
import type * as randomRotator from 'keyturn/rotators/random';
import type * as contract from 'keyturn/rotator';

const integrity = 'sha512-…';

export const allowed = [isolated('acme', { integrity }), isolated<typeof randomRotator>('random', { integrity })];

// @ts-expect-error a module whose default export is no rotator
export const noRotator = isolated<typeof contract>('keyturn', { integrity });

// @ts-expect-error a package without the hash of what was reviewed
export const unreviewed = isolated('acme', {});
