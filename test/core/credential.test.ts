import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCredential, renderCredential, unfitValue } from '../../src/core/credential.js';
import { Secret, openSecret, sameSecret } from '../../src/core/secret.js';

const fields = { identity: 'username', value: 'password' };
const parse = (text: string) => parseCredential(Secret.fromText(text), fields, '/billing/db');
const textOf = (secret: Secret) => new TextDecoder().decode(openSecret(secret));

describe('a stored credential', () => {
  it('is written as consumers read it', () => {
    const written = renderCredential({ identity: 'app_a', value: Secret.fromText('a "quoted" value') }, fields);
    expect(textOf(written)).toBe('{"username":"app_a","password":"a \\"quoted\\" value"}');
  });

  it('is read back as it was written', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 }).filter((each) => each.isWellFormed());
    fc.assert(
      fc.property(text, text, (identity, value) => {
        const read = parseCredential(
          renderCredential({ identity, value: Secret.fromText(value) }, fields),
          fields,
          's',
        );
        expect(read.identity).toBe(identity);
        expect(textOf(read.value)).toBe(value);
      }),
    );
  });

  it('may hold further fields', () => {
    expect(parse('{"host":"db1","username":"app_a","password":"v","port":5432}').identity).toBe('app_a');
  });

  it('whose value is not text is refused rather than stored changed', () => {
    const value = new Secret(new Uint8Array([0xff, 0xfe]));
    expect(() => renderCredential({ identity: 'app_a', value }, fields)).toThrow(TypeError);
  });

  it.each([
    ['no JSON', 'the-value-itself'],
    ['cut short', '{"username":"app_a","password":"the-value'],
    ['a list', '["app_a"]'],
    ['nothing', 'null'],
    ['a number', '1'],
    ['without identity', '{"password":"the-value"}'],
    ['without value', '{"username":"app_a"}'],
    ['with an empty identity', '{"username":"","password":"the-value"}'],
    ['with an empty value', '{"username":"app_a","password":""}'],
    ['with a value that is no text', '{"username":"app_a","password":{"a":1}}'],
    ['with fields of another kind', '{"id":"app_a","key":"the-value"}'],
  ])('%s is unreadable, and the error says nothing of it', (_, text) => {
    const error = (() => {
      try {
        parse(text);
      } catch (thrown) {
        return thrown;
      }
      return null;
    })();
    expect(error).toMatchObject({ code: 'CURRENT_UNREADABLE', facts: { secret: '/billing/db' } });
    expect((error as Error).cause).toBeUndefined();
    expect((error as Error).message).not.toContain('the-value');
  });

  it('that is not UTF-8 is unreadable', () => {
    const { length } = '{"username":"app_a","password":"the';
    const bytes = new TextEncoder().encode('{"username":"app_a","password":"the-value"}');
    // Read leniently it would become a value that nobody ever wrote.
    bytes[length] = 0xff;
    expect(() => parseCredential(new Secret(bytes), fields, 's')).toThrow(/CURRENT_UNREADABLE/);
  });
});

describe('a value about to be stored', () => {
  const finding = (text: string, ...previous: readonly string[]) =>
    unfitValue(
      Secret.fromText(text),
      previous.map((each) => Secret.fromText(each)),
      sameSecret,
    );

  it('is fit where it is long and new', () => {
    expect(finding('5fQ2nB8xYc71Zk0p')).toBeUndefined();
    expect(finding('5fQ2nB8xYc71Zk0p', 'another-value-before')).toBeUndefined();
  });

  it.each([
    ['empty', '', /empty/],
    ['a byte too short', '5fQ2nB8xYc71Zk0', /shorter than 16 bytes/],
    ['one character over and over', 'x'.repeat(32), /all its bytes are the same/],
    ['zeros: it was wiped', '\0'.repeat(32), /all its bytes are the same/],
  ])('is unfit where it is %s', (_, text, why) => {
    expect(finding(text)).toMatch(why);
  });

  it.each(['[secret]', '[redacted]', '<redacted>', '****', '••••', 'REDACTED', '(sensitive value)'])(
    'is unfit where it holds %s, whatever is around it',
    (mark) => {
      expect(finding(`5fQ2nB8xYc71${mark}Zk0p`)).toMatch(/redaction mark/);
    },
  );

  it('is unfit where the secret has had it before', () => {
    expect(finding('5fQ2nB8xYc71Zk0p', 'another-value-before', '5fQ2nB8xYc71Zk0p')).toMatch(/already has/);
  });

  it('is unfit where it is longer than a store keeps', () => {
    const long = (bytes: number): string => '5fQ2nB8xYc71Zk0p'.repeat(bytes / 16);
    expect(finding(long(64_000))).toBeUndefined();
    expect(finding(`${long(64_000)}x`)).toBe('it is longer than 64000 bytes');
  });

  it('counts bytes, not characters', () => {
    expect(finding('éàüöäëïô')).toBeUndefined();
  });
});
