import { type Secret, openSecret } from '../../core/secret.js';

/** A run of this many bytes of the value is part of the value. */
const WINDOW_BYTES = 8;
const MAX_CHARACTERS = 200;

/**
 * What a consumer says, fit for the journal: one line, not long, and without the value.
 *
 * *Returns* undefined where the words hold a part of the value, as it is or in Base64, hexadecimal or URL encoding: a
 * consumer that reports a failed login may quote the password.
 */
export function wordsWithout(value: Secret, words: string): string | undefined {
  const bytes = Buffer.from(openSecret(value));
  try {
    if (readings(words).some((reading) => holdsPart(reading, bytes))) return undefined;
  } finally {
    bytes.fill(0);
  }
  // Control characters would break lines of logs and terminals.
  return words
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, MAX_CHARACTERS);
}

function holdsPart(reading: Buffer, value: Buffer): boolean {
  const length = Math.min(WINDOW_BYTES, value.length);
  for (let start = 0; length > 0 && start + length <= value.length; start += 1) {
    if (reading.includes(value.subarray(start, start + length))) return true;
  }
  return false;
}

/** The words, and what long runs in them say when they are decoded, from whatever place the encoding began at. */
function readings(words: string): readonly Buffer[] {
  const unescaped = words.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const found = [Buffer.from(words), Buffer.from(unescaped, 'latin1'), Buffer.from(words.replace(/\\(.)/g, '$1'))];
  for (const [run] of words.matchAll(/[A-Za-z0-9+/_-]{8,}/g)) {
    for (const offset of [0, 1, 2, 3]) found.push(Buffer.from(run.slice(offset), 'base64'));
    for (const offset of [0, 1]) found.push(Buffer.from(run.slice(offset).replace(/[^0-9a-f].*$/i, ''), 'hex'));
  }
  return found;
}
