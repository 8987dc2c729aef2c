import { marker } from './canary.mjs';
import { type EncodedPart, encodingsOf, fromDecimals, unescaped } from './leak-encodings.js';

/** A secret value that must be found nowhere, beside those that carry the canary. */
export interface KnownValue {
  /** What a finding calls it: the value itself is never printed. */
  readonly name: string;
  readonly value: string | Uint8Array;
}

/** Somewhere a value could have gone. */
export interface Sink {
  readonly name: string;
  readonly content: Buffer;
}

/** A value, or a part of it, that was found. */
export interface Leak {
  /**
   * The name of a known value, or `a generated value` for one that carries the canary. All names, joined by `or`, where
   * what was found is in several values.
   */
  readonly value: string;
  readonly sink: string;
  /** Begins with `escaped` where a layer of escapes was taken off first. */
  readonly encoding: string;
}

/** A run of this many bytes of a known value is a leak, in whatever encoding. */
const partBytes = 12;

/** What is compared at once; no part is shorter in any encoding. */
const keyBytes = 8;

/** A text inside a text inside a text. */
const maxLayers = 3;

interface Pattern extends Omit<Leak, 'sink'> {
  readonly bytes: Buffer;
  /** Its first eight bytes. */
  readonly first: number;
  readonly last: number;
  /** The next one that falls on the same place of the table. */
  readonly next: Pattern | undefined;
}

/** The forms of all values, in a table by their first eight bytes. */
class LeakScanner {
  readonly #patterns: Pattern[] = [];
  /** One more than the number of a pattern; the others that fall on its place hang on it. */
  readonly #heads: Int32Array;
  readonly #shift: number;

  constructor(values: readonly KnownValue[]) {
    const parts = [{ name: 'a generated value', part: Buffer.from(marker) }, ...values.flatMap(partsOf)].flatMap(
      ({ name, part }) => encodingsOf(part).map((each) => ({ name, ...each })),
    );
    const bits = Math.min(22, Math.max(16, Math.ceil(Math.log2(parts.length * 16))));
    this.#shift = 32 - bits;
    this.#heads = new Int32Array(2 ** bits);
    for (const { names, encoding, bytes } of formsOf(parts)) {
      const [first, last] = [bytes.readInt32LE(0), bytes.readInt32LE(4)];
      const place = placeOf(first, last, this.#shift);
      const next = this.#patterns[(this.#heads[place] ?? 0) - 1];
      const value = [...names].join(' or ');
      this.#heads[place] = this.#patterns.push({ value, encoding, bytes, first, last, next });
    }
  }

  /** Every value found in the sink, once in each encoding. */
  scan({ name, content }: Sink): readonly Leak[] {
    // What is there as it is has not been found once more when an escape around it is taken off.
    const leaks = new Map<string, Leak>();
    const search = (view: Buffer, rename: (encoding: string) => string): void => {
      for (const { value, encoding } of this.#search(view)) {
        const key = `${value} ${encoding}`;
        if (!leaks.has(key)) leaks.set(key, { value, sink: name, encoding: rename(encoding) });
      }
    };
    search(content, (encoding) => encoding);
    const numbers = fromDecimals(content);
    if (numbers !== undefined)
      search(numbers, (encoding) => (encoding === 'clear' ? 'decimal' : `decimal ${encoding}`));
    let layer = unescaped(content);
    for (let taken = 1; layer !== undefined && taken <= maxLayers; taken += 1) {
      search(layer, (encoding) => `escaped ${encoding}`);
      layer = unescaped(layer);
    }
    return [...leaks.values()];
  }

  #search(content: Buffer): ReadonlySet<Pattern> {
    const found = new Set<Pattern>();
    const [heads, shift, patterns] = [this.#heads, this.#shift, this.#patterns];
    let [first, last] = [0, 0];
    for (let end = 0; end < content.length; end += 1) {
      // The eight bytes up to this one, as two numbers.
      first = (first >>> 8) | (last << 24);
      last = (last >>> 8) | ((content[end] ?? 0) << 24);
      const head = heads[placeOf(first, last, shift)] ?? 0;
      if (head === 0) continue;
      for (let pattern = patterns[head - 1]; pattern !== undefined; pattern = pattern.next) {
        if (pattern.first !== first || pattern.last !== last) continue;
        const start = end - keyBytes + 1;
        if (start >= 0 && content.subarray(start, start + pattern.bytes.length).equals(pattern.bytes))
          found.add(pattern);
      }
    }
    return found;
  }
}

/** What a scan has found, and how much it has looked at. */
export interface Scanned {
  readonly leaks: readonly Leak[];
  /** Of every sink, so that a test can see that none was left out. */
  readonly names: readonly string[];
  readonly bytes: number;
}

/** One sink, or some that are read one after the other, so that only one is held at a time. */
export type Sinks = Sink | AsyncIterable<Sink>;

/**
 * Finds what carries the canary, and known values or 12 bytes of them in a row: as they are, in Base64 or Base64url at
 * whatever offset, in hexadecimal or decimal, URL-encoded, escaped for JSON or SQL, reversed, or in UTF-16.
 *
 * One pass over each sink, whatever the number of values: the eight bytes up to each byte are looked up in a table.
 *
 * *Errors*: known values too short to be told from chance.
 */
export async function scanSinks(values: readonly KnownValue[], sinks: readonly Sinks[]): Promise<Scanned> {
  const scanner = new LeakScanner(values);
  const leaks: Leak[] = [];
  const names: string[] = [];
  let bytes = 0;
  const scan = (sink: Sink): void => {
    leaks.push(...scanner.scan(sink));
    names.push(sink.name);
    bytes += sink.content.length;
  };
  for (const each of sinks) {
    if ('content' in each) scan(each);
    else for await (const sink of each) scan(sink);
  }
  return { leaks, names, bytes };
}

function placeOf(first: number, last: number, shift: number): number {
  const mixed = Math.imul(first, 0x9e3779b1) ^ Math.imul(last, 0x85ebca77);
  return Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) >>> shift;
}

interface Form extends EncodedPart {
  /** Of the values that have it. */
  readonly names: Set<string>;
}

/**
 * What looks the same in two encodings, or in two values, is looked for once. Of a part in Base64 no more than nine bytes
 * are sure to stay: where a value is marked in eight of them, another value soon has the same.
 */
function formsOf(parts: readonly (EncodedPart & { readonly name: string })[]): Iterable<Form> {
  const forms = new Map<string, Form>();
  for (const { name, encoding, bytes } of parts) {
    const text = bytes.toString('latin1');
    const known = forms.get(text);
    if (known === undefined) forms.set(text, { encoding, bytes, names: new Set([name]) });
    else known.names.add(name);
  }
  return forms.values();
}

function partsOf({ name, value }: KnownValue): readonly { readonly name: string; readonly part: Buffer }[] {
  const bytes = Buffer.from(value);
  if (bytes.length < partBytes) throw new Error(`${name} is too short to be looked for`);
  return Array.from({ length: bytes.length - partBytes + 1 }, (_, start) => ({
    name,
    part: bytes.subarray(start, start + partBytes),
  }));
}
