import { type Secret, openSecret } from 'keyturn/rotator';
import type { Deviation } from '../sound-rotator.js';

/** What a stub does otherwise than it should, and the obligations that must notice. */
export type Planted = readonly [does: string, deviation: Deviation, ...obligations: string[]];

/** The text of a value, for a stub that leaks it. */
export const textOf = (value: Secret): string => Buffer.from(openSecret(value)).toString();
