import { inspect } from 'node:util';
import { escapedForms } from '../core/escaped-forms.js';
import { type Secret, openSecret } from '../core/secret.js';
import type { Shown } from './rotator-witness.js';

/** As many bytes of a value, anywhere, are as good as the value. Bytes. */
const PIECE_BYTES = 12;

/**
 * Looks for values in what was let out: as they are, any twelve bytes of them, and in every form in which values escape.
 *
 * *Returns* where the first one is, or null. It never says which.
 */
export function whereShown(shown: readonly Shown[], values: readonly Secret[]): string | null {
  const wanted = [...new Map(values.map((value) => [hexOf(value), formsOf(openSecret(value))])).values()].flat();
  for (const { where, what } of shown) {
    const text = Buffer.from(textOf(what));
    if (wanted.some((form) => text.includes(form))) return where;
  }
  return null;
}

const hexOf = (value: Secret): string => Buffer.from(openSecret(value)).toString('hex');

/** As deep as one can look without calling anything: what a library computes when it is asked may change it. */
function textOf(thing: unknown): string {
  if (typeof thing === 'string') return thing;
  const options = { depth: 12, showHidden: true, maxStringLength: null, maxArrayLength: null };
  const texts = [inspect(thing, options)];
  // What describes itself may hide what stands in it, and a logger goes by that and not by the description.
  texts.push(inspect(thing, { ...options, customInspect: false }));
  // And a logger writes JSON.
  texts.push(...toldAsJson(thing));
  // Bytes are shown in columns.
  return texts.flatMap((text) => [text, text.replaceAll(/,\s+/g, ',')]).join('\n');
}

/** What describes itself to JSON, wherever it stands in a thing. Asks nothing else. */
function toldAsJson(thing: unknown, depth = 12, seen = new Set<object>()): readonly string[] {
  if (typeof thing !== 'object' || thing === null || depth === 0 || seen.has(thing)) return [];
  seen.add(thing);
  const below = Object.values(Object.getOwnPropertyDescriptors(thing)).flatMap(({ value }) =>
    toldAsJson(value, depth - 1, seen),
  );
  try {
    // What describes itself is asked: a logger asks it too.
    if (!('toJSON' in thing) || typeof thing.toJSON !== 'function') return below;
    return [JSON.stringify(thing) ?? '', ...below];
  } catch {
    // What cannot be told is told by no logger.
    return below;
  }
}

function formsOf(bytes: Uint8Array): readonly Buffer[] {
  const escaped = escapedForms(bytes).map((form) => Buffer.from(form));
  if (bytes.length < PIECE_BYTES) return [Buffer.from(bytes), ...escaped].filter(({ length }) => length >= 4);
  const pieces = Array.from({ length: bytes.length - PIECE_BYTES + 1 }, (_, at) =>
    Buffer.from(bytes.subarray(at, at + PIECE_BYTES)),
  );
  return [...pieces, ...escaped];
}
