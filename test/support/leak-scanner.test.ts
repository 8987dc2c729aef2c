import { describe, expect, test } from 'vitest';
import { findLeaks } from './leak-scanner.js';

const value = 'Zk3rTq9LwXb72VnEyH5cJdPsGu81MoAf';
const odd = 'it\'s a "quoted" välue with / and + and ???>>>???>>>ü';
const bytes = Buffer.from(value);

const find = (content: string | Buffer, known = value) =>
  findLeaks(
    [{ name: 'the password', value: known }],
    [{ name: 'a log', content: Buffer.isBuffer(content) ? content : Buffer.from(content) }],
  ).map(({ encoding }) => encoding);

describe('the scanner finds a value', () => {
  test.each([
    ['clear', `password=${value};`],
    ['clear', `…${value.slice(7, 19)}…`],
    ['reversed', [...value].reverse().join('')],
    ['base64', bytes.toString('base64')],
    ['base64', Buffer.from(`{"password":"${value}"}`).toString('base64')],
    ['base64', Buffer.from(`x{"password":"${value}"}`).toString('base64')],
    ['base64', Buffer.from(`xy{"password":"${value}"}`).toString('base64')],
    ['base64', bytes.toString('base64url')],
    ['hex', `\\x${bytes.toString('hex')}`],
    ['hex', bytes.toString('hex').toUpperCase()],
    ['URL', bytes.toString('hex').replace(/../g, '%$&')],
    ['UTF-16', Buffer.from(value, 'utf16le')],
  ])('%s in %s', (encoding, content) => {
    expect(find(content)).toContain(encoding);
  });

  test.each([
    ['base64url', Buffer.from(odd).toString('base64url')],
    ['URL component', encodeURIComponent(odd)],
    ['JSON', JSON.stringify(odd)],
    ['SQL', `'${odd.replaceAll("'", "''")}'`],
  ])('with signs that are escaped: %s', (encoding, content) => {
    expect(find(content, odd)).toContain(encoding);
  });
});

test('less than twelve bytes of a value are no leak', () => {
  expect(find(`…${value.slice(3, 14)}…`)).toEqual([]);
});

test('another value is no leak', () => {
  expect(find(`password=${[...value].sort().join('')}`)).toEqual([]);
});

test('a value too short to be told from chance is refused', () => {
  expect(() => find('anything', 'short')).toThrow(/too short/);
});

test('a leak names value and sink and tells nothing of the value', () => {
  const leaks = findLeaks([{ name: 'v1', value }], [{ name: 'a table', content: bytes }]);

  expect(JSON.stringify(leaks)).not.toContain(value.slice(0, 8));
  expect(leaks[0]).toEqual({ value: 'v1', sink: 'a table', encoding: 'clear' });
});
