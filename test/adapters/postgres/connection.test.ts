import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { connectionFields, createPool } from '../../../src/adapters/postgres/connection.js';

const tlsOf = (url: string) => connectionFields(url).ssl;

test('a connection string becomes its fields, decoded', () => {
  expect(connectionFields('postgres://a%40b:p%2Fw@[::1]:6543/state%20db')).toMatchObject({
    host: '::1',
    port: 6543,
    user: 'a@b',
    password: 'p/w',
    database: 'state db',
    application_name: 'keyturn',
  });
});

test.each([
  'postgres://h/db',
  'postgres://h/db?sslmode=prefer',
  'postgres://h/db?sslmode=require',
  'postgres://127.0.0.1.example/db',
])('the certificate and the name of a server elsewhere are verified for %s', (url) => {
  expect(tlsOf(url)).toEqual({ rejectUnauthorized: true });
});

test.each(['localhost', '127.0.0.1', '127.1.2.3', '[::1]', ''])('the loopback %s needs no TLS', (host) => {
  expect(tlsOf(`postgres://${host}/db`)).toBe(false);
});

test('TLS is used on loopback where it is asked for, and left out elsewhere only where that is written', () => {
  expect(tlsOf('postgres://localhost/db?sslmode=verify-full')).toEqual({ rejectUnauthorized: true });
  expect(tlsOf('postgres://h/db?sslmode=disable')).toBe(false);
  expect(tlsOf('postgres:///db?host=/run/postgresql')).toBe(false);
});

test('a pool does not print its password', async () => {
  const pool = createPool('postgres://user:hunter2hunter2@localhost/db');

  expect(inspect(pool, { depth: 10, showHidden: false })).not.toContain('hunter2hunter2');
  expect(JSON.stringify(pool.options)).not.toContain('hunter2hunter2');
  await pool.end();
});

test('what is no connection string is refused without being repeated', () => {
  for (const text of ['', 'user:hunter2@host', 'mysql://user:hunter2@host/db']) {
    expect(() => createPool(text)).toThrow(/^SETTING_INVALID: .* it is no postgres:\/\/ address\. Set it to/);
    expect(() => createPool(text)).not.toThrow(/hunter2/);
  }
});

test.each([
  'postgres://user:hunter2%zz@host/db',
  'postgres://user:hunter2%ff@host/db',
  'postgres://user:hunter2@host/db?sslrootcert=/no/such/file',
  'postgres://host/db?loginfile=/no/such/file',
  'postgres://user:hunter2@host/db?loginfile=/etc/hostname',
])('what cannot be used is refused as a setting, without being repeated: %s', (text) => {
  expect(() => createPool(text)).toThrow(expect.objectContaining({ code: 'SETTING_INVALID' }));
  expect(() => createPool(text)).not.toThrow(/hunter2/);
});
