import { isSecret, openSecret } from './secret.js';

const SCRUBBED = '[secret]';

/** Values shorter than this are not looked for: they would blank out ordinary words. */
const MIN_LENGTH = 8;

/**
 * Takes the values it has seen out of text, as they are and in the forms in which they usually escape: base64,
 * base64url, hexadecimal, URL- and JSON-escaped. A second net: the first is that values are `Secret`s.
 */
export class Scrubber {
  /** Longest first: where one value is the beginning of another, the rest of the longer one must not stay behind. */
  #forms: readonly string[] = [];

  /** Remembers every `Secret` among the values and anywhere inside them. */
  learn(values: readonly unknown[]): void {
    this.#learn(values, new Set());
  }

  /** The text without any of the values. */
  text(text: string): string {
    let clean = text;
    for (const form of this.#forms) clean = clean.replaceAll(form, SCRUBBED);
    return clean;
  }

  /** The same for every string inside plain data. `Secret`s and bytes are left as they are. */
  clean<Value>(value: Value): Value {
    return this.#cleaned(value) as Value;
  }

  #cleaned(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (isSecret(value) || value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((item) => this.#cleaned(item));
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.#cleaned(inner)]));
  }

  #learn(value: unknown, seen: Set<object>): void {
    if (isSecret(value)) return this.#add(openSecret(value));
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array || seen.has(value)) return;
    seen.add(value);
    for (const inner of Object.values(value)) this.#learn(inner, seen);
  }

  #add(bytes: Uint8Array): void {
    if (bytes.length < MIN_LENGTH) return;
    const text = new TextDecoder().decode(bytes);
    const base64 = btoa(String.fromCharCode(...bytes));
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    const unpadded = base64.replace(/=+$/, '');
    const forms = [
      text,
      unpadded,
      unpadded.replaceAll('+', '-').replaceAll('/', '_'),
      hex,
      hex.toUpperCase(),
      encodeURIComponent(text),
      JSON.stringify(text).slice(1, -1),
    ];
    this.#forms = [...new Set([...this.#forms, ...forms])].sort((a, b) => b.length - a.length);
  }
}
