import { keyturnError } from '../core/errors.js';

/** Reads the number of an option, digits only. *Errors* `USAGE`, which names the option and its bounds. */
export function numberOf(
  text: string,
  bounds: { readonly name: string; readonly min: number; readonly max: number; readonly command: string },
): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= bounds.min && number <= bounds.max) return number;
  const finding = `${bounds.name} expects a number from ${bounds.min} to ${bounds.max}`;
  throw keyturnError('USAGE', { finding, command: bounds.command });
}
