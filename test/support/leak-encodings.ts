/** A run of bytes as it may turn up in a sink. */
export interface EncodedPart {
  readonly encoding: string;
  readonly bytes: Buffer;
}

/** Every form in which these bytes may turn up, whatever stands before and after them. */
export function encodingsOf(part: Buffer): readonly EncodedPart[] {
  const latin1 = part.toString('latin1');
  const hex = part.toString('hex');
  const percent = hex.replace(/../g, '%$&');
  const utf16 = Buffer.from(latin1, 'utf16le');
  const forms: readonly (readonly [string, readonly (Buffer | string)[]])[] = [
    ['clear', [part]],
    ['reversed', [Buffer.from(part).reverse()]],
    ['base64', inBase64(part, 'base64')],
    ['base64url', inBase64(part, 'base64url')],
    ['hex', [hex, hex.toUpperCase()]],
    // As a Buffer is printed, and as `od` and `xxd -p` with a separator print it.
    ['spaced hex', [spaced(hex, ' '), spaced(hex.toUpperCase(), ' '), spaced(hex, ':')]],
    ['URL', [percent, percent.toUpperCase()]],
    ['URL component', [encodeURIComponent(latin1)]],
    ['JSON', [JSON.stringify(latin1).slice(1, -1)]],
    ['SQL', [latin1.replaceAll("'", "''"), latin1.replaceAll('\\', '\\\\').replaceAll("'", "\\'")]],
    // Either order of bytes; the odd zero at the edge belongs to a neighbour.
    ['UTF-16', [utf16.subarray(0, -1)]],
  ];
  return forms.flatMap(([encoding, variants]) => variants.map((bytes) => ({ encoding, bytes: Buffer.from(bytes) })));
}

const spaced = (hex: string, by: string): string => hex.replace(/..(?!$)/g, `$&${by}`);

/** What stays of a run of bytes in Base64, whatever stands before and after it: it may begin at any of three places. */
function inBase64(part: Buffer, alphabet: 'base64' | 'base64url'): readonly Buffer[] {
  return [0, 1, 2].map((offset) => {
    const whole = part.subarray((3 - offset) % 3);
    const triples = whole.subarray(0, whole.length - (whole.length % 3));
    return Buffer.from(triples.toString(alphabet));
  });
}

const [percentSign, backslash, quote, letterU, letterX] = [0x25, 0x5c, 0x27, 0x75, 0x78];

/** What escapes stand for in C, JavaScript, JSON and SQL beside themselves. */
const shortEscapes: ReadonlyMap<number, number> = new Map(
  [...'bfnrtv0'].map((letter, at) => [letter.charCodeAt(0), [8, 12, 10, 13, 9, 11, 0][at] ?? 0]),
);

/**
 * The content with one layer of escapes taken off, whichever characters they were used for: `%41`, `\u0041`, `\x41`,
 * `\101`, `\"`, `''`. Undefined where there is none.
 */
export function unescaped(content: Buffer): Buffer | undefined {
  if (!content.includes(percentSign) && !content.includes(backslash)) return undefined;
  const clear = Buffer.allocUnsafe(content.length);
  let [from, to, isChanged] = [0, 0, false];
  for (let at = 0; at < content.length; ) {
    const length = escapeAt(content, at);
    if (length === 0) {
      at += 1;
      continue;
    }
    to += content.copy(clear, to, from, at);
    clear[to] = meaningOf(content, at, length);
    to += 1;
    at += length;
    from = at;
    isChanged = true;
  }
  to += content.copy(clear, to, from);
  return isChanged ? clear.subarray(0, to) : undefined;
}

/** How many bytes the escape has that begins here; zero where none does. */
function escapeAt(content: Buffer, at: number): number {
  const byte = content[at];
  if (byte === percentSign) return digits(content, at + 1, 2, 16) === undefined ? 0 : 3;
  if (byte === quote) return content[at + 1] === quote ? 2 : 0;
  if (byte !== backslash) return 0;
  const letter = content[at + 1];
  if (letter === undefined) return 0;
  if (letter === letterU && digits(content, at + 2, 4, 16) !== undefined) return 6;
  if (letter === letterX && digits(content, at + 2, 2, 16) !== undefined) return 4;
  return digits(content, at + 1, 3, 8) === undefined ? 2 : 4;
}

/** Any escape stands for one byte here: what is not ASCII is found by its neighbours. */
function meaningOf(content: Buffer, at: number, length: number): number {
  const next = content[at + 1] ?? 0;
  if (length === 2) return content[at] === backslash ? (shortEscapes.get(next) ?? next) : next;
  if (length === 3) return digits(content, at + 1, 2, 16) ?? 0;
  if (length === 6) return (digits(content, at + 2, 4, 16) ?? 0) & 0xff;
  return (next === letterX ? digits(content, at + 2, 2, 16) : digits(content, at + 1, 3, 8)) ?? 0;
}

/**
 * Bytes that were printed as decimal numbers, as `console.log` prints a `Uint8Array`, JSON a `Buffer` and PostgreSQL a
 * parse tree: one run of numbers after the other. Undefined where there are none.
 */
export function fromDecimals(content: Buffer): Buffer | undefined {
  const bytes = Buffer.allocUnsafe(Math.ceil(content.length / 2) + 1);
  let [to, inRun, number] = [0, 0, -1];
  const endRun = (): void => {
    if (inRun < shortestRun) to -= inRun;
    else bytes[to++] = betweenRuns;
    inRun = 0;
  };
  const endNumber = (): void => {
    if (number > 255) endRun();
    else if (number >= 0) {
      bytes[to++] = number;
      inRun += 1;
    }
    number = -1;
  };
  for (let at = 0; at < content.length; at += 1) {
    const byte = content[at] ?? 0;
    if (byte >= 0x30 && byte <= 0x39) {
      number = Math.max(number, 0) * 10 + byte - 0x30;
      continue;
    }
    if (number >= 0) endNumber();
    // A comma, a space, a tab, a line break.
    if (inRun > 0 && byte !== 0x2c && byte !== 0x20 && byte !== 0x09 && byte !== 0x0a) endRun();
  }
  endNumber();
  endRun();
  return to === 0 ? undefined : bytes.subarray(0, to);
}

/** The canary has eight bytes. */
const shortestRun = 8;
const betweenRuns = 0xff;

function digits(content: Buffer, from: number, length: number, base: number): number | undefined {
  let value = 0;
  for (let at = from; at < from + length; at += 1) {
    const digit = digitOf(content[at] ?? 0);
    if (digit >= base) return undefined;
    value = value * base + digit;
  }
  return value;
}

function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 99;
}
