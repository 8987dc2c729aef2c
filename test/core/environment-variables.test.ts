import { describe, expect, test } from 'vitest';
import { variablesOf } from '../../src/core/environment-variables.js';

const of = (path: string, values: Readonly<Record<string, string>>) =>
  variablesOf(
    path,
    Object.entries(values).map(([each, value]) => ({ path: each, value })),
  );

/** The variables alone, as a plain object. */
function given(path: string, values: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const named = of(path, values);
  if (!('variables' in named)) throw new Error(named.join('; '));
  return { ...named.variables };
}

describe('a parameter becomes a variable', () => {
  test.each([
    ['/prod/billing', '/prod/billing/key', 'KEY'],
    ['/prod/billing', '/prod/billing/smtp/api-key', 'SMTP_API_KEY'],
    ['/prod/billing', '/prod/billing/a.b_c', 'A_B_C'],
    ['/prod/billing', '/prod/billing/2fa', '_2FA'],
    ['/', '/prod/key', 'PROD_KEY'],
    ['/', '/key', 'KEY'],
  ])('below %s, %s is %s', (path, parameter, name) => {
    expect(given(path, { [parameter]: 'x' })).toEqual({ [name]: 'x' });
  });

  test('an empty value, line breaks and what is no JSON are kept as they are', () => {
    const values = {
      '/p/a': '',
      '/p/b': 'one\ntwo',
      '/p/c': '{"open',
      '/p/d': '["list"]',
      '/p/e': 'null',
      '/p/f': '12',
    };

    expect(given('/p', values)).toEqual({ A: '', B: 'one\ntwo', C: '{"open', D: '["list"]', E: 'null', F: '12' });
  });
});

describe('a credential document', () => {
  test('is given whole and field by field', () => {
    const document = '{"username":"app_a","password":"p","host-name":"h","port":5432,"tls":true}';

    expect(given('/p', { '/p/db': document })).toEqual({
      DB: document,
      DB_USERNAME: 'app_a',
      DB_PASSWORD: 'p',
      DB_HOST_NAME: 'h',
      DB_PORT: '5432',
      DB_TLS: 'true',
    });
  });

  test('gives no variable for what is in a field of it, for null and for a field without a name', () => {
    const document = ' {"inner":{"password":"p"},"list":[1],"nothing":null,"":"x","1st":"y"}';

    expect(given('/p', { '/p/db': document })).toEqual({ DB: document, DB_1ST: 'y' });
  });
});

describe('what cannot be given is refused by its name', () => {
  test('two parameters of one name', () => {
    expect(of('/p', { '/p/a-b': 'first', '/p/a_b': 'second', '/p/a/b': 'third' })).toEqual([
      '/p/a-b and /p/a_b would both be A_B',
      '/p/a-b and /p/a/b would both be A_B',
    ]);
  });

  test('a field and a parameter, and two fields, of one name', () => {
    expect(of('/p', { '/p/db': '{"host":"x"}', '/p/db/host': 'y' })).toEqual([
      'a field of /p/db and /p/db/host would both be DB_HOST',
    ]);
    expect(of('/p', { '/p/db': '{"a":"x","A":"y"}' })).toEqual([
      'a field of /p/db and a field of /p/db would both be DB_A',
    ]);
  });

  test.each([
    ...['path', 'ld_preload', 'ld/library-path', 'node-options', 'bash.env', 'keyturn/database-url'],
    ...['glibc-tunables', 'perl5db', 'git_ssh_command', 'dotnet/startup-hooks', 'prompt-command', 'lua-init-5_4'],
  ])('a name that decides what runs: %s', (name) => {
    expect(of('/p', { [`/p/${name}`]: 'x' })).toEqual([expect.stringMatching(/would be \w+, which is reserved$/)]);
  });

  test('a NUL, which no environment can hold, and never the value around it', () => {
    expect(of('/p', { '/p/key': 'secret\0value' })).toEqual(['/p/key has a NUL in its value']);
  });
});
