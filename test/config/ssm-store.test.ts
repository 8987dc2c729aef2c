import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import { planFor } from '../../src/config/plan.js';
import { isKeyturnError } from '../../src/core/errors.js';
import random from '../../rotators/random/index.js';

const options = {
  file: '/etc/keyturn/keyturn.config.ts',
  workflows: [{ name: 'staged-rotation', number: 1 }],
  calendar: { next: () => 1 },
};

const path = '/billing/db';

const configWith = (store: unknown, secret = path) => ({
  keyring: { file: './keyturn.key' },
  environments: {
    demo: {
      targets: { billing: { rotator: random, config: { folder: '/var/lib/accepted' } } },
      secrets: { [secret]: { target: 'billing', config: { name: 'billing' } } },
      ...(store === undefined ? {} : { store }),
    },
  },
});

const parsed = (store: unknown) => parseConfig(configWith(store), options);

const planOf = (store: unknown) =>
  planFor({
    config: parsed(store),
    environment: 'demo',
    path,
    rotationId: 'r1',
    trigger: 'demand',
    reason: '',
    requestedBy: 'ada',
    repair: false,
  });

function problemsOf(store: unknown, secret?: string): string {
  try {
    parseConfig(configWith(store, secret), options);
  } catch (error) {
    if (isKeyturnError(error)) return String(error.facts['problems']);
    throw error;
  }
  throw new Error('the configuration was accepted');
}

const ssm = { region: 'eu-central-1', key: 'alias/billing' };
const at = 'environments.demo.store.ssm';

test('without a store the versions are in the state database, and nothing written there arrives late', () => {
  expect(parsed(undefined).environments['demo']?.store).toEqual({ kind: 'built-in' });
  expect(planOf(undefined).storeSettleMs).toBe(0);
});

test('a store on SSM writes three times a second, and what is written may arrive for six minutes', () => {
  expect(parsed({ ssm }).environments['demo']?.store).toEqual({
    kind: 'ssm',
    ...ssm,
    prefix: '',
    endpoint: null,
    putsPerSecond: 3,
    account: null,
    staging: 'label',
  });
  expect(planOf({ ssm }).storeSettleMs).toBe(360_000);
});

test('the key of AWS is taken where somebody says so', () => {
  const store = parsed({ ssm: { ...ssm, key: 'alias/aws/ssm', allowDefaultKey: true } }).environments['demo']?.store;

  expect(store).toMatchObject({ kind: 'ssm', key: 'alias/aws/ssm' });
});

describe('a wrong store is refused with its place and what to do', () => {
  test.each([
    [{ ssm: { ...ssm, key: 'alias/aws/ssm' } }, `${at}.key: alias/aws/ssm has a policy that nobody can change`],
    [
      { ssm: { ...ssm, key: 'arn:aws:kms:eu-central-1:111122223333:alias/aws/ssm' } },
      `${at}.key: alias/aws/ssm has a policy that nobody can change`,
    ],
    [{ ssm: { ...ssm, key: 'billing' } }, `${at}.key: expected alias/NAME, a key id, or the ARN of either`],
    [
      { ssm: { ...ssm, key: 'arn:aws:kms:us-east-1:111122223333:alias/k' } },
      `${at}.key: this key is in us-east-1; name that region`,
    ],
    [{ ssm: { ...ssm, region: 'frankfurt' } }, `${at}.region: expected a region such as eu-central-1`],
    [{ ssm: { ...ssm, prefix: 'keyturn' } }, `${at}.prefix: a prefix begins with /`],
    [{ ssm: { ...ssm, prefix: '/keyturn/' } }, `${at}.prefix: a prefix has no // and no / at its end`],
    [{ ssm: { ...ssm, endpoint: 'http://a:b@localhost' } }, `${at}.endpoint: an address holds no credentials`],
    [{ ssm: { ...ssm, putsPerSecond: 0 } }, `${at}.putsPerSecond: expected puts per second, such as 3`],
    [
      { ssm: { ...ssm, staging: 'bare' } },
      `${at}.staging: expected 'label', or 'shadow' for applications that read bare`,
    ],
    [{ ssm: { ...ssm, account: '1234' } }, `${at}.account: expected the twelve digits of an AWS account`],
    [{ ssm: { ...ssm, secretAccessKey: 'x' } }, `${at}: Unrecognized key`],
    [{ vault: {} }, 'environments.demo.store'],
  ])('%o', (store, expected) => {
    expect(problemsOf(store)).toContain(expected);
  });

  test('a path that is too deep after the prefix', () => {
    const deep = `/${Array.from({ length: 14 }, () => 'a').join('/')}`;

    expect(problemsOf({ ssm: { ...ssm, prefix: '/b/c' } }, deep)).toContain(
      `environments.demo.secrets["${deep}"]: after the prefix /b/c: a path has at most 15 levels`,
    );
  });
});

describe('a store for applications that read bare names', () => {
  const shadow = { ...ssm, staging: 'shadow' };

  test('is one like the other otherwise', () => {
    expect(parsed({ ssm: shadow }).environments['demo']?.store).toMatchObject({ kind: 'ssm', staging: 'shadow' });
    expect(planOf({ ssm: shadow }).storeSettleMs).toBe(360_000);
  });

  test('has no room for a path that is too long with what stands after it', () => {
    const long = `/${'a'.repeat(895)}`;

    expect(parseConfig(configWith({ ssm }, long), options)).toBeDefined();
    expect(problemsOf({ ssm: shadow }, long)).toContain('.keyturn: a path has at most 900 characters');
    expect(problemsOf({ ssm: { ...shadow, prefix: '/kt' } }, `/${'a'.repeat(890)}`)).toContain(
      'after the prefix /kt: ',
    );
  });

  test.each([
    [path, `${path}.keyturn`],
    [`${path}.keyturn`, path],
  ])('has none for a secret with the name of the parameter of versions: %s, %s', (one, other) => {
    const { keyring, environments } = configWith({ ssm: shadow }, one);
    const [given] = Object.values(environments.demo.secrets);
    const more = { [other]: { ...given, config: { name: 'other' } } };
    const demo = { ...environments.demo, secrets: { ...environments.demo.secrets, ...more } };

    expect(() => parseConfig({ keyring, environments: { demo } }, options)).toThrow(
      expect.objectContaining({
        facts: expect.objectContaining({
          problems: `environments.demo.secrets["${other}"]: its parameter ${path}.keyturn is that of demo:${one}; give one of the two another path`,
        }) as object,
      }),
    );
  });
});

describe('two environments whose secrets would be one parameter', () => {
  const two = (one: object, other: object) => {
    const { keyring, environments } = configWith({ ssm: { ...ssm, ...one } });
    const { environments: more } = configWith({ ssm: { ...ssm, ...other } });
    return { keyring, environments: { demo: environments.demo, prod: more.demo } };
  };
  const account = '111122223333';

  test.each([
    [{}, {}],
    [{ account }, {}],
    [{ account }, { account }],
    [{ prefix: '/kt' }, { prefix: '/kt' }],
    [{}, { endpoint: 'https://vpce-0f1e2d3c-abcd.ssm.eu-central-1.vpce.amazonaws.com' }],
    [{ endpoint: 'https://ssm-fips.eu-central-1.amazonaws.com' }, { endpoint: 'https://ssm.eu-central-1.api.aws' }],
    [{ endpoint: 'http://localhost:4583' }, { endpoint: 'http://localhost:4583/' }],
  ])('are refused: %o and %o', (one, other) => {
    expect(() => parseConfig(two(one, other), options)).toThrow(
      expect.objectContaining({
        facts: expect.objectContaining({
          problems: expect.stringMatching(
            /environments\.prod\.secrets\["\/billing\/db"\]: its parameter \S+ is that of demo:\/billing\/db; give one of/,
          ) as string,
        }) as object,
      }),
    );
  });

  test.each([
    [{ prefix: '/demo' }, { prefix: '/prod' }],
    [{ account }, { account: '444455556666' }],
    [{}, { region: 'us-east-1' }],
    [{}, { endpoint: 'http://localhost:4583' }],
    [{}, { endpoint: 'https://amazonaws.com.example' }],
  ])('are none: %o and %o', (one, other) => {
    expect(Object.keys(parseConfig(two(one, other), options).environments)).toEqual(['demo', 'prod']);
  });
});

describe('two environments that share a rate', () => {
  const prefixed = (one: object, other: object) => {
    const { keyring, environments } = configWith({ ssm: { ...ssm, ...one } });
    const { environments: more } = configWith({ ssm: { ...ssm, prefix: '/kt', ...other } });
    return { keyring, environments: { demo: environments.demo, prod: more.demo } };
  };
  const [account, otherAccount] = ['111122223333', '444455556666'];

  test.each([
    [{ putsPerSecond: 10 }, {}],
    [
      { account, putsPerSecond: 10 },
      { account, putsPerSecond: 20 },
    ],
    [{ putsPerSecond: 10 }, { putsPerSecond: 20, endpoint: 'https://ssm.eu-central-1.amazonaws.com' }],
  ])('and say different ones are refused: %o and %o', (one, other) => {
    expect(() => parseConfig(prefixed(one, other), options)).toThrow(
      expect.objectContaining({
        facts: expect.objectContaining({
          problems: expect.stringMatching(
            /^environments\.prod\.store\.ssm\.putsPerSecond: it is \d+, and demo shares its account and region and says 10;/,
          ) as string,
        }) as object,
      }),
    );
  });

  test.each([
    [{ putsPerSecond: 10 }, { putsPerSecond: 10 }],
    [{ account, putsPerSecond: 10 }, { account: otherAccount }],
    [{ putsPerSecond: 10 }, { region: 'eu-west-1' }],
    [{ putsPerSecond: 10 }, { endpoint: 'http://localhost:4583' }],
  ])('only where they do: %o and %o', (one, other) => {
    expect(parseConfig(prefixed(one, other), options)).toBeDefined();
  });
});
