import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Scrubber } from '../../src/core/scrub.js';
import { Secret, isSecret } from '../../src/core/secret.js';

const forms: Readonly<Record<string, (value: string) => string>> = {
  'as it is': (value) => value,
  base64: (value) => Buffer.from(value).toString('base64'),
  'base64 without padding': (value) => Buffer.from(value).toString('base64').replace(/=+$/, ''),
  base64url: (value) => Buffer.from(value).toString('base64url'),
  hexadecimal: (value) => Buffer.from(value).toString('hex'),
  'hexadecimal in capitals': (value) => Buffer.from(value).toString('hex').toUpperCase(),
  'URL-escaped': (value) => encodeURIComponent(value),
  'JSON-escaped': (value) => JSON.stringify(value).slice(1, -1),
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

describe('a scrubber', () => {
  it('leaves text without the value as it is', () => {
    expect(scrubberOf('a-value-of-16-chars').text('role app_a is missing')).toBe('role app_a is missing');
  });

  it('does not blank out words for values shorter than eight bytes', () => {
    expect(scrubberOf('missing').text('role app_a is missing')).toBe('role app_a is missing');
    expect(scrubberOf('is-missing').text('it is-missing')).toBe('it [secret]');
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
      bytes,
      secret,
    });
    expect(clean.list).toEqual(['see [secret]', 1, null]);
    expect(clean.bytes).toBe(bytes);
    expect(isSecret(clean.secret)).toBe(true);
  });
});
