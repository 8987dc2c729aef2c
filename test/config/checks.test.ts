import random from 'keyturn/rotators/random';
import { describe, expect, test } from 'vitest';
import { calendar } from '../../src/adapters/cron/calendar.js';
import type { CheckInput, PolicyInput, SecretInput } from '../../src/config/define.js';
import { parseConfig } from '../../src/config/parse.js';
import { planFor } from '../../src/config/plan.js';
import { env, file, store } from '../../src/config/references.js';
import { isKeyturnError } from '../../src/core/errors.js';
import { workflows } from '../../src/main/settings.js';

const options = { file: '/etc/keyturn/keyturn.config.ts', workflows, calendar: calendar() };
const soaking: PolicyInput = { soak: '5m' };

function configWith(secret: Partial<SecretInput>) {
  return {
    keyring: { file: './keyturn.key' },
    environments: {
      demo: {
        targets: { tokens: { rotator: random, config: { folder: '/srv/tokens' } } },
        secrets: { '/demo/api': { target: 'tokens', config: { name: 'api' }, policy: soaking, ...secret } },
      },
    },
  };
}

/** The checks of the plan that a rotation of it would run on. */
function planned(checks: readonly CheckInput[]) {
  const config = parseConfig(configWith({ checks }), options);
  const asked = {
    rotationId: 'r1',
    trigger: 'demand',
    reason: 'a test',
    requestedBy: 'a test',
    repair: false,
  } as const;
  return planFor({ config, environment: 'demo', path: '/demo/api', ...asked }).checks;
}

function problems(secret: Partial<SecretInput>): readonly string[] {
  try {
    parseConfig(configWith(secret), options);
  } catch (error) {
    if (isKeyturnError(error))
      return String(error.facts['problems'])
        .split('; environments')
        .map((each) => each.replace(/^environments/, ''));
    throw error;
  }
  return [];
}

const url = 'https://prometheus.example';
const at = '.demo.secrets["/demo/api"]';

describe('a check', () => {
  test('is a snapshot of what was written, with its defaults', () => {
    expect(
      planned([
        { name: 'page', http: { url: 'https://web.example/health' } },
        { name: 'gone', failAfter: 1, http: { url: 'https://web.example/old', expectStatus: 404 } },
        { name: 'errors', prometheus: { url, query: 'sum(up)', below: 0 } },
        { name: 'up', failAfter: 5, prometheus: { url, query: 'min(up)', above: 0.5, token: env('PROMETHEUS_TOKEN') } },
      ]),
    ).toEqual([
      { name: 'page', failAfter: 2, kind: 'http', url: 'https://web.example/health', expectStatus: 200 },
      { name: 'gone', failAfter: 1, kind: 'http', url: 'https://web.example/old', expectStatus: 404 },
      {
        name: 'errors',
        failAfter: 2,
        kind: 'prometheus',
        url,
        query: 'sum(up)',
        holds: 'below',
        limit: 0,
        token: null,
      },
      {
        ...{ name: 'up', failAfter: 5, kind: 'prometheus', url, query: 'min(up)', holds: 'above', limit: 0.5 },
        token: 'env:PROMETHEUS_TOKEN',
      },
    ]);
  });

  const prometheus = { url, query: 'up', below: 1 };
  test.each<readonly [string, CheckInput, RegExp]>([
    ['asks nothing', { name: 'a' }, /^.*checks\[0\]: expected one of the two: http: .* or prometheus: /],
    ['asks two things', { name: 'a', http: { url }, prometheus }, /checks\[0\]: expected one of the two/],
    ['has no limit', { name: 'a', prometheus: { url, query: 'up' } }, /prometheus: expected one of the two limits/],
    [
      'has two limits',
      { name: 'a', prometheus: { ...prometheus, above: 0 } },
      /prometheus: expected one of the two limits/,
    ],
    [
      'has no query',
      { name: 'a', prometheus: { ...prometheus, query: '' } },
      /prometheus\.query: expected a query in PromQL/,
    ],
    [
      'has a limit that is no number',
      { name: 'a', prometheus: { ...prometheus, below: Number.NaN } },
      /prometheus\.below: /,
    ],
    [
      'names the page of a query',
      { name: 'a', prometheus: { ...prometheus, url: `${url}/graph?g0.expr=up` } },
      /prometheus\.url: expected what stands before \/api\/v1\/query/,
    ],
    [
      'has a token in the store',
      { name: 'a', prometheus: { ...prometheus, token: store('/demo/api') } },
      /prometheus\.token: a token is read from env\(…\) or file\(…\)/,
    ],
    [
      'has a token in it',
      { name: 'a', prometheus: { ...prometheus, token: 'abc' as never } },
      /prometheus\.token: a reference is made by env/,
    ],
    [
      'would send a token in the clear',
      { name: 'a', prometheus: { ...prometheus, url: 'http://prometheus.internal', token: file('t') } },
      /prometheus\.url: a token is sent by https only/,
    ],
    [
      'has credentials in its address',
      { name: 'a', http: { url: 'https://me:secret@web.example' } },
      /http\.url: an address holds no credentials/,
    ],
    [
      'speaks something else',
      { name: 'a', http: { url: 'file:///etc/passwd' } },
      /http\.url: expected an http or https address/,
    ],
    ['expects no status', { name: 'a', http: { url, expectStatus: 99 } }, /http\.expectStatus: /],
    ['fails after no look', { name: 'a', failAfter: 0, http: { url } }, /checks\[0\]\.failAfter: /],
    ['has an odd name', { name: 'A b', http: { url } }, /checks\[0\]\.name: expected a name/],
  ])('that %s is refused by the name of its field', (_, check, told) => {
    const found = problems({ checks: [check] });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(told);
    expect(found[0]?.startsWith(`${at}.checks[0]`)).toBe(true);
    expect(found.join()).not.toMatch(/secret@|abc/);
  });

  test('may send a token in the clear to this machine', () => {
    const checks = [{ name: 'a', prometheus: { ...prometheus, url: 'http://127.0.0.1:9090', token: file('t') } }];
    expect(problems({ checks })).toEqual([]);
  });

  test('is called like no other', () => {
    const check = { name: 'a', http: { url } };
    expect(problems({ checks: [check, check] })).toEqual([`${at}.checks: the name a stands there twice`]);
  });

  test('is one of twenty at most', () => {
    const checks = Array.from({ length: 21 }, (_, index) => ({ name: `a${index}`, http: { url } }));
    expect(problems({ checks })).toEqual([`${at}.checks: expected at most 20 checks`]);
  });

  test.each<PolicyInput>([{}, { soak: '0s' }])('needs a soak to be asked in: %o', (policy) => {
    expect(problems({ policy, checks: [{ name: 'a', http: { url } }] })).toEqual([
      `${at}.checks: they are asked while the canary soaks; give policy a soak, such as soak: '5m'`,
    ]);
  });
});
