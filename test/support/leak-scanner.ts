/** A generated value that must be found nowhere. */
export interface KnownValue {
  /** What a finding calls it: the value itself is never printed. */
  readonly name: string;
  readonly value: string;
}

/** Somewhere a value could have gone. */
export interface Sink {
  readonly name: string;
  readonly content: Buffer;
}

/** A value, or a part of it, that was found. */
export interface Leak {
  readonly value: string;
  readonly sink: string;
  readonly encoding: string;
}

/** A run of this many bytes of a value is a leak, in whatever encoding. */
const partBytes = 12;

/**
 * Finds every sink that holds a value or 12 bytes of it in a row: as it is, in Base64 or Base64url at whatever offset,
 * hexadecimal, URL-encoded byte by byte, escaped for JSON or SQL, reversed, or in UTF-16.
 *
 * *Errors*: values too short to be told from chance.
 */
export function findLeaks(values: readonly KnownValue[], sinks: readonly Sink[]): readonly Leak[] {
  const leaks: Leak[] = [];
  for (const { name, value } of values) {
    if (Buffer.byteLength(value) < partBytes) throw new Error(`${name} is too short to be looked for`);
    for (const { encoding, parts } of encodingsOf(Buffer.from(value))) {
      for (const sink of sinks) {
        if (parts.some((part) => sink.content.includes(part))) leaks.push({ value: name, sink: sink.name, encoding });
      }
    }
  }
  return leaks;
}

interface Encoded {
  readonly encoding: string;
  /** Each is enough for a leak. */
  readonly parts: readonly Buffer[];
}

function encodingsOf(value: Buffer): readonly Encoded[] {
  const windows: Buffer[] = [];
  for (let start = 0; start + partBytes <= value.length; start += 1) {
    windows.push(value.subarray(start, start + partBytes));
  }
  const each = (encoding: string, encode: (part: Buffer) => readonly Buffer[]): Encoded => ({
    encoding,
    parts: windows.flatMap(encode).filter((part) => isNew(part)),
  });
  // A part that looks the same in two encodings is looked for once.
  const sought = new Set<string>();
  const isNew = (part: Buffer): boolean => sought.size < sought.add(part.toString('latin1')).size;
  const text = (part: Buffer, encode: (text: string) => string): Buffer => Buffer.from(encode(part.toString('latin1')));
  const hex = (part: Buffer): string => part.toString('hex');
  return [
    each('clear', (part) => [part]),
    each('reversed', (part) => [Buffer.from(part).reverse()]),
    each('base64', (part) => inBase64(part, 'base64')),
    each('base64url', (part) => inBase64(part, 'base64url')),
    each('hex', (part) => [Buffer.from(hex(part)), Buffer.from(hex(part).toUpperCase())]),
    each('URL', (part) => {
      const percent = hex(part).replace(/../g, '%$&');
      return [Buffer.from(percent), Buffer.from(percent.toUpperCase())];
    }),
    each('URL component', (part) => [text(part, encodeURIComponent)]),
    each('JSON', (part) => [text(part, (clear) => JSON.stringify(clear).slice(1, -1))]),
    each('SQL', (part) => [text(part, (clear) => clear.replaceAll("'", "''"))]),
    each('UTF-16', (part) => [Buffer.from(part.toString('latin1'), 'utf16le')]),
  ];
}

/** What stays of a run of bytes in Base64, whatever stands before and after it: it may begin at any of three places. */
function inBase64(part: Buffer, alphabet: 'base64' | 'base64url'): readonly Buffer[] {
  return [0, 1, 2].map((offset) => {
    const whole = part.subarray((3 - offset) % 3);
    const triples = whole.subarray(0, whole.length - (whole.length % 3));
    return Buffer.from(triples.toString(alphabet));
  });
}
