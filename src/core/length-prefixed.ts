/**
 * Joins texts so that no two lists give the same bytes: each is preceded by its length in UTF-8 bytes, as four bytes
 * with the highest first. What is signed or bound to a seal is encoded this way, because `a|b` and `a`, `b` joined by
 * a separator would be one.
 */
export function lengthPrefixed(parts: readonly string[]): Uint8Array {
  const encoded = parts.map((part) => new TextEncoder().encode(part));
  const bytes = new Uint8Array(encoded.reduce((sum, part) => sum + 4 + part.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of encoded) {
    view.setUint32(at, part.length);
    bytes.set(part, at + 4);
    at += 4 + part.length;
  }
  return bytes;
}
