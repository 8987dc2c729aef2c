import { Secret } from 'keyturn/rotator';
import apiKey from 'keyturn/rotators/api-key';
import { describe, expect, test } from 'vitest';
import { calendar } from '../../../src/adapters/cron/calendar.js';
import { defineConfig } from '../../../src/config/define.js';
import { parseConfig } from '../../../src/config/parse.js';
import { env } from '../../../src/config/references.js';
import { tellWarnings } from '../../../src/main/warnings.js';
import { workflows } from '../../../src/main/settings.js';
import { ours, requests, settingsOf, untagged } from './borrowed.js';

const at = { url: 'https://keys.example.com', admin: { username: 'ops', secret: 'not-read-in-this-file' } };

/** `path: message` of everything that is wrong. */
function problems(change: Readonly<Record<string, unknown>>): readonly string[] {
  const parsed = apiKey.config.safeParse(settingsOf(at, change));
  return parsed.error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];
}

const secret = Secret.fromText('not-read-in-this-file');
const { list, ...listless } = requests;

describe('a definition is refused', () => {
  test('that can neither list by tag nor claim the account, with the three ways out', () => {
    for (const change of [{ requests: untagged }, { requests: listless }]) {
      expect(problems(change)).toEqual([
        expect.stringMatching(/could never be found: .*with a tag.*exclusive: true.*acceptOrphans: true/),
      ]);
    }
  });

  test.each<[string, Readonly<Record<string, unknown>>, RegExp]>([
    ['with an unknown key', { colour: 'red' }, /^: Unrecognized key: "colour"/],
    ['without TLS', { baseUrl: 'http://keys.example.com' }, /^baseUrl: must be https/],
    [
      'whose token URL has no TLS',
      { auth: { kind: 'oauth', tokenUrl: 'http://id.example.com/token', clientId: 'a', clientSecret: secret } },
      /^auth.tokenUrl: must be https/,
    ],
    ['with a password in its URL', { baseUrl: 'https://ops:pw@keys.example.com' }, /^baseUrl: must hold no user/],
    ['with a query in its URL', { baseUrl: 'https://keys.example.com/?a=b' }, /^baseUrl: must hold neither a query/],
    [
      'with a token in plain text',
      { auth: { kind: 'bearer', token: 'abc' } },
      /^auth.token: must be a secret reference/,
    ],
    [
      'with its secret in every URL, and nobody has said that it may be',
      { auth: { kind: 'query', name: 'key', value: secret } },
      /^auth.allowSecretInUrl: a query puts the secret into every URL.*write allowSecretInUrl: true/,
    ],
    [
      'with the value of a key in a path, and nobody has said that it may be',
      { requests: { ...requests, verify: { method: 'GET', path: '/me?key={value}' } } },
      /^requests.verify.path: would put \{value\} into a URL.*write allowSecretInUrl: true/,
    ],
    [
      'with a value that nobody could fill in',
      { requests: { ...requests, destroy: { method: 'DELETE', path: '/keys/{value}', allowSecretInUrl: true } } },
      /^requests.destroy.path: knows no \{value\}.*list.value/,
    ],
    [
      'with a placeholder that nobody knows',
      { requests: { ...requests, destroy: { method: 'DELETE', path: '/keys/{id}' } } },
      /^requests.destroy.path: knows no \{id\}; destroy is filled with \{identity\}/,
    ],
    [
      'whose verify sends no key',
      { requests: { ...requests, verify: { method: 'GET', path: '/me' } } },
      /^requests.verify: must send \{value\}/,
    ],
    [
      'whose create sends a value that the answer is to show',
      { requests: { ...requests, create: { ...requests.create, body: { note: '{tag}', secret: '{value}' } } } },
      /^requests.create.body: knows no \{value\}.*leave out create.identity and create.value/,
    ],
    [
      'whose answer has a value and no identity',
      { requests: { ...requests, create: { ...requests.create, identity: undefined } } },
      /^requests.create.identity: is missing: the answer has both/,
    ],
    [
      'whose value is in no answer, and is not sent',
      { requests: { ...ours, create: { ...ours.create, body: { note: '{tag}' } } } },
      /^requests.create: must send \{name\} and \{value\}/,
    ],
    [
      'whose value would stand in a URL, and nobody has said that it may',
      { requests: { ...ours, create: { ...ours.create, path: '/keys/{name}?secret={value}' } } },
      /^requests.create.path: would put \{value\} into a URL/,
    ],
    [
      'whose name and password would stand in a URL, and nobody has said that they may',
      { requests: { ...ours, verify: { method: 'GET', path: '/me?login={basic}' } } },
      /^requests.verify.path: would put \{basic\} into a URL/,
    ],
    [
      'whose names are ours, and nothing tells whose they are',
      { requests: { ...ours, list: untagged.list } },
      /^requests.list.tag: is missing: a name that we choose may be that of somebody else/,
    ],
    [
      'that looks for a tag it does not send',
      { requests: { ...requests, create: { ...requests.create, body: { name: '{name}' } } } },
      /^requests.create: must send \{tag\}/,
    ],
    [
      'that disables and cannot enable',
      { requests: { ...requests, enable: undefined } },
      /^requests.enable: is missing/,
    ],
    ['that has a tag and claims the account', { exclusive: true }, /^exclusive: is for providers that keep no tag/],
    ['that can be found and accepts orphans', { acceptOrphans: true }, /^acceptOrphans: is not needed/],
    ['with a pointer that is none', { requests: { ...requests, list: { ...list, items: 'keys' } } }, /JSON Pointer/],
    ['with a tag that cannot be read again', { tag: 'kt-{rotation}' }, /^tag: must hold \{secret\} and \{rotation\}/],
    ['with a limit and no list', { requests: listless, acceptOrphans: true, maximum: 5 }, /^requests.list: is missing/],
  ])('%s', (_, change, problem) => {
    expect(problems(change)).toContainEqual(expect.stringMatching(problem));
  });
});

describe('a definition is taken', () => {
  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['with tags', {}],
    ['with a name and a value of ours', { requests: ours }],
    ['without tags, on an account of its own', { requests: untagged, exclusive: true }],
    ['that accepts orphans', { requests: listless, acceptOrphans: true }],
    ['without TLS to this machine', { baseUrl: 'http://127.0.0.1:8080' }],
    ['without TLS on a line that somebody vouches for', { baseUrl: 'http://keys.internal', allowHttp: true }],
  ])('%s', (_, change) => {
    expect(problems(change)).toEqual([]);
  });

  test('and says what it can do', () => {
    const said = (change: Readonly<Record<string, unknown>>) =>
      apiKey.capabilities(apiKey.config.parse(settingsOf(at, change)));

    expect(said({})).toMatchObject({
      origin: 'provider',
      disable: true,
      list: true,
      exclusive: false,
      settleMs: 60_000,
    });
    expect(said({ requests: { ...requests, list: { ...list, lagMs: 5_000 } } })).toMatchObject({ settleMs: 65_000 });
    expect(said({ requests: untagged, exclusive: true })).toMatchObject({ list: true, exclusive: true });
    // What it lists there tells nothing about whose it is.
    expect(said({ requests: untagged, acceptOrphans: true })).toMatchObject({ list: false, exclusive: false });
    expect(said({ requests: ours })).toMatchObject({ origin: 'ours', list: true, exclusive: false });
    expect(said({ propagationMs: 90_000 })).toMatchObject({ propagationMs: 90_000 });
  });
});

test('orphans that somebody has accepted are told of at every start', () => {
  const configured = (settings: Readonly<Record<string, unknown>>) =>
    parseConfig(
      defineConfig({
        keyring: { file: './keyturn.key' },
        environments: {
          demo: {
            targets: {
              keys: {
                rotator: apiKey,
                config: { ...settingsOf(at, settings), auth: { kind: 'bearer', token: env('T') } },
              },
            },
            secrets: { '/demo/key': { target: 'keys' } },
          },
        },
      }),
      { file: '/etc/keyturn/keyturn.config.ts', workflows, calendar: calendar() },
    );
  const told: unknown[] = [];
  const log = { warn: (facts: unknown, message: string) => void told.push(facts, message) };

  tellWarnings(configured({}), log);
  expect(told).toEqual([]);
  tellWarnings(configured({ requests: listless, acceptOrphans: true }), log);
  expect(told).toEqual([
    { secretId: 'demo:/demo/key', warning: expect.stringMatching(/keys\.example\.com.*stays alive \(acceptOrphans\)/) },
    'a risk that the configuration accepts',
  ]);
});
