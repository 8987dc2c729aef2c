/** Shorter ones would be found in ordinary text. */
const MIN_LENGTH = 8;

/**
 * The forms in which a value usually gets into text, beside itself: JSON, once and twice; URL; SQL; base64 and
 * base64url, also where it begins in the middle of what was encoded (then up to two bytes at either end stay);
 * hexadecimal and decimal bytes; UTF-16, as bytes, escaped and in base64. In UTF-8, each once; the caller overwrites
 * them.
 */
export function escapedForms(bytes: Uint8Array): readonly Uint8Array[] {
  const encoder = new TextEncoder();
  const text = new TextDecoder().decode(bytes);
  const hex = inHex(bytes);
  const url = encodeURIComponent(text);
  const texts = [
    // What is not UTF-8 is printed with a sign in the place of what was wrong.
    text,
    inJson(text),
    // Every character that is not printed as it is, and all of them.
    escapedAll(text),
    url,
    // As the stricter RFC 3986 has it, and as forms are sent.
    escapedSigns(url, /[!'()*]/g),
    escapedSigns(url, /[!'()~]/g).replaceAll('%20', '+'),
    hex.replace(/../g, '%$&'),
    hex.toUpperCase().replace(/../g, '%$&'),
    text.replaceAll("'", "''"),
    text.replaceAll('\\', '\\\\').replaceAll("'", "\\'"),
    hex,
    hex.toUpperCase(),
    // As a Buffer prints, as its JSON does, and as a list of numbers; as the JSON of other bytes.
    hex.replace(/(..)(?!$)/g, '$1 '),
    bytes.join(','),
    bytes.join(', '),
    Array.from(bytes, (byte, at) => `"${at}":${byte}`).join(','),
    ...inBase64(bytes),
    ...inUtf16(text),
  ];
  // Each of them may stand in a JSON document, as every line of a log is.
  const forms = [...new Set(texts.flatMap((each) => [each, inJson(each)]))].map((form) => encoder.encode(form));
  return forms.filter((form) => form.length >= MIN_LENGTH && !isSame(form, bytes));
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function inHex(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** `encodeURIComponent` leaves some signs alone that others do not. */
function escapedSigns(url: string, signs: RegExp): string {
  return url.replace(signs, (sign) => `%${inHex([sign.charCodeAt(0)]).toUpperCase()}`);
}

function escapedAll(text: string): string {
  return unitsOf(text)
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');
}

/** Base64 writes three bytes at a time, so a value may begin at any of three places. */
function inBase64(bytes: Uint8Array): readonly string[] {
  const whole = base64(bytes).replace(/=+$/, '');
  const inside = [0, 1, 2].map((skipped) => {
    const from = bytes.subarray(skipped);
    return base64(from.subarray(0, from.length - (from.length % 3)));
  });
  return [whole, ...inside].flatMap((each) => [each, each.replaceAll('+', '-').replaceAll('/', '_')]);
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

/** Either order of bytes, read as if each byte were a character. */
function inUtf16(text: string): readonly string[] {
  const orders = [
    (unit: number): readonly number[] => [unit & 0xff, unit >> 8],
    (unit: number): readonly number[] => [unit >> 8, unit & 0xff],
  ];
  return orders.flatMap((order) => {
    const bytes = new Uint8Array(unitsOf(text).flatMap(order));
    const read = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
    return [read, ...inBase64(bytes), inHex(bytes)];
  });
}

function unitsOf(text: string): number[] {
  return Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
