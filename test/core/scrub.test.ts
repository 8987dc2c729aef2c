import fc from 'fast-check';
import { inspect } from 'node:util';
import { describe, expect, it, test } from 'vitest';
import { Scrubber } from '../../src/core/scrub.js';
import { Secret, isSecret } from '../../src/core/secret.js';

const latin1 = (bytes: Buffer): string => bytes.toString('latin1');
const json = (text: string): string => JSON.stringify(text).slice(1, -1);

const forms: Readonly<Record<string, (value: string) => string>> = {
  'as it is': (value) => value,
  base64: (value) => Buffer.from(value).toString('base64'),
  'base64 without padding': (value) => Buffer.from(value).toString('base64').replace(/=+$/, ''),
  base64url: (value) => Buffer.from(value).toString('base64url'),
  hexadecimal: (value) => Buffer.from(value).toString('hex'),
  'hexadecimal in capitals': (value) => Buffer.from(value).toString('hex').toUpperCase(),
  'as a Buffer prints': (value) =>
    Buffer.from(value)
      .toString('hex')
      .replace(/..(?!$)/g, '$& '),
  'as the JSON of a Buffer': (value) => Buffer.from(value).join(','),
  'as the JSON of bytes': (value) => JSON.stringify(new TextEncoder().encode(value)).slice(1, -1),
  'as a list of numbers': (value) => [...Buffer.from(value)].join(', '),
  'URL-escaped': (value) => encodeURIComponent(value),
  'URL-escaped byte by byte': (value) => Buffer.from(value).toString('hex').replace(/../g, '%$&'),
  'escaped as a form sends it': (value) => new URLSearchParams({ a: value }).toString().slice(2),
  'JSON-escaped': (value) => json(value),
  'JSON-escaped twice': (value) => json(json(value)),
  'JSON-escaped, every character': (value) =>
    value.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  'SQL-escaped': (value) => value.replaceAll("'", "''"),
  'SQL-escaped with backslashes': (value) => value.replaceAll('\\', '\\\\').replaceAll("'", "\\'"),
  'SQL-escaped inside JSON': (value) => json(value.replaceAll("'", "''")),
  'UTF-16': (value) => latin1(Buffer.from(value, 'utf16le')),
  'UTF-16, highest byte first': (value) => latin1(Buffer.from(value, 'utf16le').swap16()),
  'UTF-16 inside JSON': (value) => json(latin1(Buffer.from(value, 'utf16le'))),
  'UTF-16 in base64': (value) => Buffer.from(value, 'utf16le').toString('base64'),
};

/** Text that a generator or a provider may give: any characters, at least 128 bits of them. */
const values = fc.string({ unit: 'grapheme', minLength: 16, maxLength: 40 }).filter((value) => value.isWellFormed());

function scrubberOf(...known: readonly string[]): Scrubber {
  const scrubber = new Scrubber();
  scrubber.learn(known.map((each) => Secret.fromText(each)));
  return scrubber;
}

describe.each(Object.entries(forms))('a value %s', (_, form) => {
  it('is taken out of text, wherever it stands and however often', () => {
    fc.assert(
      fc.property(values, (value) => {
        const text = scrubberOf(value).text(`before ${form(value)} between ${form(value)} after`);
        expect(text).not.toContain(form(value));
        expect(text).toContain('[secret]');
      }),
    );
  });

  it('is taken out whole where a shorter value is the beginning of it', () => {
    const short = "first'half/of+it ";
    const long = `${short}and the second half`;
    expect(scrubberOf(short, long).text(`<${form(long)}>`)).not.toContain(form('second half').slice(0, 6));
    expect(scrubberOf(short, long).text(form(long))).toMatch(/^\[secret\]=*$/);
  });
});

test.each([
  ['base64', 0],
  ['base64', 1],
  ['base64', 2],
  ['base64url', 0],
  ['base64url', 1],
  ['base64url', 2],
] as const)(
  'of a value that begins in the middle of %s, %i bytes on, two bytes at most stay at either end',
  (encoding, skip) => {
    fc.assert(
      fc.property(values, (value) => {
        const around = Buffer.concat([
          Buffer.from('{"p":"').subarray(0, 3 + skip),
          Buffer.from(value),
          Buffer.from('"}'),
        ]);
        const text = scrubberOf(value).text(around.toString(encoding));
        const [before = '', after = ''] = text.split('[secret]');
        expect(text).toContain('[secret]');
        // What is left, decoded: what stood around the value, and no more of it than an unfinished group of three.
        expect(Buffer.from(before, encoding).length).toBeLessThanOrEqual(3 + skip + 2);
        expect(Math.floor((after.replace(/=+$/, '').length * 3) / 4)).toBeLessThanOrEqual(2 + 3);
      }),
    );
  },
);

describe('a scrubber', () => {
  it('leaves text without the value as it is', () => {
    expect(scrubberOf('a-value-of-16-chars').text('role app_a is missing')).toBe('role app_a is missing');
  });

  it('does not blank out words for values shorter than eight bytes', () => {
    expect(scrubberOf('missing').text('role app_a is missing')).toBe('role app_a is missing');
    expect(scrubberOf('is-missing').text('it is-missing')).toBe('it [secret]');
  });

  it('takes out whole what two values make together', () => {
    expect(scrubberOf('begins-with-this', 'this-is-the-end').text('<begins-with-this-is-the-end>')).toBe('<[secret]>');
  });

  it('forgets, and overwrites what it knew', () => {
    const scrubber = scrubberOf('a-value-of-16-chars');
    scrubber.forget();
    expect(scrubber.text('see a-value-of-16-chars')).toBe('see a-value-of-16-chars');
  });

  it('forgets the value it has not seen for longest when there are more than a thousand', () => {
    const scrubber = scrubberOf('the-first-of-many', 'the-second-of-many');
    for (let count = 0; count < 998; count += 1) scrubber.learn([Secret.fromText(`one-of-many-${count}-of-them`)]);
    scrubber.learn([Secret.fromText('the-first-of-many'), Secret.fromText('the-last-of-many')]);

    expect(scrubber.text('the-first-of-many')).toBe('[secret]');
    expect(scrubber.text('the-last-of-many')).toBe('[secret]');
    expect(scrubber.text('the-second-of-many')).toBe('the-second-of-many');
  });

  it('keeps no view of the bytes it has learned from', () => {
    const scrubber = new Scrubber();
    const secret = Secret.fromText('a-value-of-16-chars');
    scrubber.learn([secret]);
    secret.wipe();
    expect(scrubber.text('see a-value-of-16-chars')).toBe('see [secret]');
    expect(inspect(scrubber, { depth: Infinity, showHidden: true })).not.toContain('a-value-of-16-chars');
  });

  it('finds a value of a thousand bytes', () => {
    const long = 'x1'.repeat(500);
    expect(scrubberOf(long).text(Buffer.from(long).toString('base64'))).toMatch(/^\[secret\]=*$/);
  });

  it('learns what credentials and their like hold', () => {
    const scrubber = new Scrubber();
    scrubber.learn([null, 1, 'text', { identity: 'app', value: Secret.fromText('held-by-a-credential') }]);
    expect(scrubber.text('held-by-a-credential')).toBe('[secret]');
  });

  it('learns what a configuration holds, however deep', () => {
    const scrubber = new Scrubber();
    scrubber.learn([{ admin: { login: [{ password: Secret.fromText('held-by-a-configuration') }] } }]);
    expect(scrubber.text('held-by-a-configuration')).toBe('[secret]');
  });

  it('cleans every string of plain data and leaves the rest', () => {
    const bytes = new Uint8Array([1]);
    const secret = Secret.fromText('a-value-of-16-chars');
    const clean = scrubberOf('a-value-of-16-chars').clean({
      list: ['see a-value-of-16-chars', 1, null],
      'a-value-of-16-chars': 1,
      bytes,
      secret,
    });
    expect(clean).toHaveProperty(['[secret]'], 1);
    expect(clean.list).toEqual(['see [secret]', 1, null]);
    expect(clean.bytes).toBe(bytes);
    expect(isSecret(clean.secret)).toBe(true);
  });
});
