import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { marker } from './canary.mjs';
import { type KnownValue, type Leak, type Sink, scanSinks } from './leak-scanner.js';

const value = 'Zk3rTq9LwXb72VnEyH5cJdPsGu81MoAf';
const odd = 'it\'s a "quoted" välue with / and + and \\ and ???>>>???>>>ü';
const bytes = Buffer.from(value);

async function findLeaks(values: readonly KnownValue[], sinks: readonly Sink[]): Promise<readonly Leak[]> {
  return (await scanSinks(values, sinks)).leaks;
}

const find = async (content: string | Buffer, known = value): Promise<readonly string[]> =>
  (
    await findLeaks(
      [{ name: 'the password', value: known }],
      [{ name: 'a log', content: Buffer.isBuffer(content) ? content : Buffer.from(content) }],
    )
  ).map(({ encoding }) => encoding);

/** The text with every third character in an escape, as hand-written encoders leave it. */
const everyThird = (text: string, escape: (code: number) => string): string =>
  [...text].map((char, at) => (at % 3 === 1 ? escape(char.charCodeAt(0)) : char)).join('');

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0');

/** How a value is written in each encoding, within something else. */
const encodings: readonly (readonly [string, (value: string) => string | Buffer])[] = [
  ['clear', (clear) => `password=${clear};`],
  ['reversed', (clear) => [...clear].reverse().join('')],
  ['base64', (clear) => Buffer.from(clear).toString('base64')],
  ['base64', (clear) => Buffer.from(`{"password":"${clear}"}`).toString('base64')],
  ['base64', (clear) => Buffer.from(`x{"password":"${clear}"}`).toString('base64')],
  ['base64', (clear) => Buffer.from(`xy{"password":"${clear}"}`).toString('base64')],
  ['base64', (clear) => Buffer.from(clear.repeat(3)).toString('base64').replace(/.{76}/g, '$&\n')],
  ['base64', (clear) => Buffer.from(clear).toString('base64url')],
  [
    'escaped base64',
    (clear) =>
      encodeURIComponent(encodeURIComponent(`+${Buffer.from(clear).toString('base64')}=`)).replace(
        /[Q-Z]/g,
        (char) => `%${hex(char.charCodeAt(0), 2)}`,
      ),
  ],
  ['hex', (clear) => `\\x${Buffer.from(clear).toString('hex')}`],
  ['hex', (clear) => Buffer.from(clear).toString('hex').toUpperCase()],
  ['spaced hex', (clear) => inspect(Buffer.from(clear))],
  ['decimal', (clear) => JSON.stringify(Buffer.from(clear))],
  ['decimal', (clear) => inspect(new Uint8Array(Buffer.from(clear)))],
  ['decimal', (clear) => `[ ${Buffer.from(clear).join(' ')} ]`],
  ['URL', (clear) => Buffer.from(clear).toString('hex').replace(/../g, '%$&')],
  ['escaped clear', (clear) => everyThird(clear, (code) => `%${hex(code, 2)}`)],
  ['escaped clear', (clear) => everyThird(clear, (code) => `%25${hex(code, 2)}`)],
  ['escaped clear', (clear) => everyThird(clear, (code) => `\\u${hex(code, 4)}`)],
  ['escaped clear', (clear) => everyThird(clear, (code) => `\\\\x${hex(code, 2).toUpperCase()}`)],
  ['escaped clear', (clear) => everyThird(clear, (code) => `\\${code.toString(8).padStart(3, '0')}`)],
  ['UTF-16', (clear) => Buffer.from(clear, 'utf16le')],
  ['UTF-16', (clear) => Buffer.from(clear, 'utf16le').swap16()],
  ['escaped UTF-16', (clear) => JSON.stringify(Buffer.from(clear, 'utf16le').toString('latin1'))],
];

describe('the scanner finds a known value', () => {
  test.each(encodings)('%s, written by %s', async (encoding, write) => {
    expect(await find(write(value))).toContain(encoding);
    expect(await find(write(value.slice(5, 29)))).toContain(encoding);
  });

  test.each([
    ['base64url', Buffer.from(odd).toString('base64url')],
    ['URL component', encodeURIComponent(odd)],
    ['JSON', JSON.stringify(odd)],
    ['SQL', `'${odd.replaceAll("'", "''")}'`],
    ['SQL', `E'${odd.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`],
  ])('with signs that are escaped: %s', async (encoding, content) => {
    expect(await find(content, odd)).toContain(encoding);
  });

  test('in a text inside a text inside a text', async () => {
    const signs = '"\\'.repeat(8);

    expect(await find(JSON.stringify(JSON.stringify(JSON.stringify(signs))), signs)).toContain('escaped JSON');
  });

  test('of twelve bytes of it in a row', async () => {
    for (let start = 0; start + 12 <= value.length; start += 1) {
      expect(await find(`…${value.slice(start, start + 12)}…`)).toEqual(['clear']);
    }
  });

  test('at the very beginning and the very end', async () => {
    expect(await find(`${value.slice(0, 12)} and more`)).toEqual(['clear']);
    expect(await find(`more and ${value.slice(-12)}`)).toEqual(['clear']);
  });

  test('among many', async () => {
    const many = Array.from({ length: 500 }, (_, at) => ({
      name: `v${at}`,
      value: `${at}-${[...value].sort().join('')}`,
    }));

    expect(await findLeaks([...many, { name: 'it', value }], [{ name: 'a log', content: bytes }])).toEqual([
      { value: 'it', sink: 'a log', encoding: 'clear' },
    ]);
  });
});

test('what two values have in common in Base64 is of either, whichever was told first', async () => {
  // Nine bytes are all that is sure to stay of twelve: the marker and one letter are soon the same in two values.
  const [one, other] = [`${marker}qWeRtYuA${marker}iOpAsDfG`, `${marker}zXcVbNmA${marker}hJkLqWeR`];
  const known = [
    { name: 'v1', value: one },
    { name: 'v2', value: other },
  ];

  const content = Buffer.from(Buffer.from(other).toString('base64'));
  const leaks = await findLeaks(known, [{ name: 'a log', content }]);

  expect(new Set(leaks.map((leak) => leak.value))).toEqual(new Set(['a generated value', 'v1 or v2', 'v2']));
});

describe('the scanner finds a value it was never told', () => {
  const unknown = `${marker}x7Qp2LmZ${marker}`;

  test.each(encodings)('%s, written by %s', async (encoding, write) => {
    expect(await findLeaks([], [{ name: 'a log', content: Buffer.from(write(unknown)) }])).toContainEqual({
      value: 'a generated value',
      sink: 'a log',
      encoding,
    });
  });

  test('of any 23 characters in a row', async () => {
    const whole = unknown + unknown.slice(8);
    for (let start = 0; start + 23 <= whole.length; start += 1) {
      expect(
        await findLeaks([], [{ name: 'a log', content: Buffer.from(whole.slice(start, start + 23)) }]),
      ).toHaveLength(1);
    }
  });
});

test('less than twelve bytes of a value are no leak', async () => {
  expect(await find(`…${value.slice(3, 14)}…`)).toEqual([]);
});

test('another value is no leak', async () => {
  expect(await find(`password=${[...value].sort().join('')}`)).toEqual([]);
});

test('numbers that are no bytes of a value are no leak', async () => {
  expect(await find('1, 2, 3, 4, 5, 6, 7, 8, 9 and 999, 1000 12')).toEqual([]);
  expect(await find(`[${[...bytes].map((byte) => byte + 256).join(', ')}]`)).toEqual([]);
});

test('escapes that are none are no leak and no end', async () => {
  expect(await find('100 % of \\, %4, %zz, \\u12, \\x, \\9 and a \\')).toEqual([]);
  expect(await find('%')).toEqual([]);
  expect(await find('\\')).toEqual([]);
  expect(await find('')).toEqual([]);
});

test('a value too short to be told from chance is refused', async () => {
  await expect(find('anything', 'short')).rejects.toThrow(/too short/);
});

test('a leak names value and sink and tells nothing of the value', async () => {
  const leaks = await findLeaks([{ name: 'v1', value }], [{ name: 'a table', content: bytes }]);

  expect(JSON.stringify(leaks)).not.toContain(value.slice(0, 8));
  expect(leaks[0]).toEqual({ value: 'v1', sink: 'a table', encoding: 'clear' });
});
