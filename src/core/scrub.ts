import { escapedForms } from './escaped-forms.js';
import { isSecret, openSecret } from './secret.js';

const SCRUBBED = new TextEncoder().encode('[secret]');

/** Values shorter than this are not looked for: they would blank out ordinary words. */
const MIN_LENGTH = 8;

/** More than this are not remembered; the one that was not seen for longest is forgotten first. */
const MAX_VALUES = 1_000;

/** One value: every form in which it is looked for. */
type Known = readonly Uint8Array[];

interface Span {
  readonly start: number;
  end: number;
}

/**
 * Takes the values it has seen out of text, in every form in which they usually escape: see {@link escapedForms}. A
 * second net: the first is that values are `Secret`s. It keeps bytes, which it overwrites when it forgets them.
 */
export class Scrubber {
  /** The value not seen for longest comes first. */
  readonly #known = new Set<Known>();
  /** The forms by their first bytes, the longest first. */
  readonly #byStart = new Map<number, { readonly form: Uint8Array; readonly of: Known }[]>();

  /** Remembers every `Secret` among the values and anywhere inside them. */
  learn(values: readonly unknown[]): void {
    this.#learn(values, new Set());
  }

  /** Overwrites what it remembers. */
  forget(): void {
    for (const known of this.#known) this.#drop(known);
  }

  /** The text without any of the values. */
  text(text: string): string {
    if (this.#known.size === 0) return text;
    const bytes = new TextEncoder().encode(text);
    const spans = this.#find(bytes);
    return spans.length === 0 ? text : new TextDecoder().decode(without(bytes, spans));
  }

  /** The same for every string inside plain data, names of fields included. `Secret`s and bytes are left as they are. */
  clean<Value>(value: Value): Value {
    return this.#cleaned(value) as Value;
  }

  #cleaned(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (isSecret(value) || value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((item) => this.#cleaned(item));
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [this.text(key), this.#cleaned(inner)]));
  }

  #learn(value: unknown, seen: Set<object>): void {
    if (isSecret(value)) return this.#add(openSecret(value));
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array || seen.has(value)) return;
    seen.add(value);
    for (const inner of Object.values(value)) this.#learn(inner, seen);
  }

  #add(bytes: Uint8Array): void {
    if (bytes.length < MIN_LENGTH) return;
    const earlier = this.#byStart
      .get(startOf(bytes, 0))
      ?.find(({ form, of }) => of[0] === form && form.length === bytes.length && isAt(form, bytes, 0));
    if (earlier !== undefined) {
      this.#known.delete(earlier.of);
      this.#known.add(earlier.of);
      return;
    }
    const known: Known = [new Uint8Array(bytes), ...escapedForms(bytes)];
    this.#known.add(known);
    for (const form of known) {
      const start = startOf(form, 0);
      const bucket = [...(this.#byStart.get(start) ?? []), { form, of: known }];
      this.#byStart.set(
        start,
        bucket.sort((a, b) => b.form.length - a.form.length),
      );
    }
    const [oldest] = this.#known;
    if (this.#known.size > MAX_VALUES && oldest !== undefined) this.#drop(oldest);
  }

  #drop(known: Known): void {
    this.#known.delete(known);
    for (const form of known) {
      const start = startOf(form, 0);
      const rest = (this.#byStart.get(start) ?? []).filter(({ of }) => of !== known);
      if (rest.length === 0) this.#byStart.delete(start);
      else this.#byStart.set(start, rest);
    }
    for (const form of known) form.fill(0);
  }

  /** Where values are, without overlaps: a value that begins inside another one goes whole. */
  #find(bytes: Uint8Array): readonly Span[] {
    const spans: Span[] = [];
    for (let start = 0; start + MIN_LENGTH <= bytes.length; start += 1) {
      const found = this.#byStart.get(startOf(bytes, start))?.find(({ form }) => isAt(form, bytes, start));
      if (found === undefined) continue;
      const end = start + found.form.length;
      const last = spans.at(-1);
      if (last === undefined || last.end <= start) spans.push({ start, end });
      else last.end = Math.max(last.end, end);
    }
    return spans;
  }
}

/** Four bytes as a number. */
function startOf(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

function isAt(form: Uint8Array, bytes: Uint8Array, start: number): boolean {
  if (start + form.length > bytes.length) return false;
  for (let at = 0; at < form.length; at += 1) if (form[at] !== bytes[start + at]) return false;
  return true;
}

function without(bytes: Uint8Array, spans: readonly Span[]): Uint8Array {
  const clean: number[] = [];
  let from = 0;
  for (const { start, end } of spans) {
    for (const byte of bytes.subarray(from, start)) clean.push(byte);
    clean.push(...SCRUBBED);
    from = end;
  }
  for (const byte of bytes.subarray(from)) clean.push(byte);
  return new Uint8Array(clean);
}
