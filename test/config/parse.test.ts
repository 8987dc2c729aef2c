import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ConfigInput, PolicyInput, SecretInput } from '../../src/config/define.js';
import { parseConfig } from '../../src/config/parse.js';
import { claimsFor, planFor } from '../../src/config/plan.js';
import { env } from '../../src/config/references.js';
import type { Rotator, Secret } from '../../src/contract/rotator.js';
import { CONTRACT, isSecret } from '../../src/contract/rotator.js';
import type { ErrorCode } from '../../src/core/errors.js';
import { isKeyturnError, keyturnError } from '../../src/core/errors.js';
import { findNonJson } from '../../src/core/json.js';

const options = {
  file: '/etc/keyturn/keyturn.config.ts',
  workflows: [
    { name: 'staged-rotation', number: 1 },
    { name: 'staged-rotation', number: 2 },
    { name: 'in-place-rotation', number: 1 },
  ],
  calendar: {
    next: (cron: string, timezone: string): number => {
      if (cron === '0 3 * * 1' && timezone === 'Europe/Berlin') return 1;
      throw keyturnError('CONFIG_INVALID');
    },
  },
};

const plain = z.strictObject({
  owner: z.string(),
  password: z.custom<Secret>(isSecret, 'expected a reference'),
  live: z.enum(['one', 'two']).default('two'),
});

/** A rotator that is only asked what it is: nothing here is ever connected. */
const rotator: Rotator<z.output<typeof plain>> = {
  name: 'plain',
  contract: CONTRACT,
  config: plain,
  credential: { identity: 'username', value: 'password' },
  capabilities: ({ live }) => ({
    overlap: live === 'one' ? 'one-live' : 'two-live',
    origin: 'ours',
    fence: true,
    disable: true,
    usage: true,
    endsSessions: true,
    list: true,
    settleMs: 0,
  }),
  principal: ({ owner }) => owner,
  connect: () => {
    throw new Error('not in this test');
  },
  classify: () => 'unknown',
};

function configWith(
  secrets: Readonly<Record<string, SecretInput>>,
  further: Partial<ConfigInput['environments'][string]> = {},
): ConfigInput {
  return {
    keyring: { file: './keyturn.key' },
    environments: {
      demo: {
        targets: { billing: { rotator, config: { password: env('ADMIN_PASSWORD') } } },
        secrets,
        ...further,
      },
    },
  };
}

const billing: SecretInput = { target: 'billing', config: { owner: 'billing' } };

function refusal(exported: unknown): { readonly code: ErrorCode; readonly problems: string } {
  try {
    parseConfig(exported, options);
  } catch (error) {
    if (isKeyturnError(error)) return { code: error.code, problems: String(error.facts['problems'] ?? '') };
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('a sound configuration', () => {
  test('is complete and frozen to the bottom', () => {
    const config = parseConfig(configWith({ '/demo/db': billing }), options);

    const secret = config.environments['demo']!.secrets['/demo/db']!;
    expect(secret.id).toBe('demo:/demo/db');
    expect(secret.workflow).toEqual({ name: 'staged-rotation', number: 2 });
    expect(secret.policy.graceMs).toBe(60_000);
    expect(config.keyring).toEqual({ kind: 'file', file: '/etc/keyturn/keyturn.key', previous: null });
    expect([config, config.environments, secret, secret.policy.retry].every(Object.isFrozen)).toBe(true);
    expect(Object.isFrozen(rotator)).toBe(false);
  });

  test('keeps what a rotator wants said at every start', () => {
    const warned = { ...rotator, warnings: ({ owner }: z.output<typeof plain>) => [`${owner} is alone`] };
    const target = { rotator: warned, config: { password: env('ADMIN_PASSWORD') } };
    const warningsOf = (input: ConfigInput) =>
      parseConfig(input, options).environments['demo']!.secrets['/demo/db']!.warnings;

    expect(warningsOf(configWith({ '/demo/db': billing }))).toEqual([]);
    expect(warningsOf(configWith({ '/demo/db': billing }, { targets: { billing: target } }))).toEqual([
      'billing is alone',
    ]);
  });

  test('takes a key of KMS, by alias, id or ARN, and the master key before it', () => {
    const arn = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
    for (const key of ['alias/keyturn', 'mrk-1234abcd12ab34cd56ef1234567890ab', arn, arn.replace(/key.*/, 'alias/k')]) {
      const kms = { key, region: 'eu-central-1' };
      const { keyring } = parseConfig({ ...configWith({}), keyring: { kms, previous: './old.key' } }, options);

      expect(keyring).toEqual({
        kind: 'kms',
        ...kms,
        endpoint: null,
        previous: { kind: 'file', file: '/etc/keyturn/old.key' },
      });
    }
  });

  test('reads durations as milliseconds', () => {
    const policy = { soak: '500ms', quiet: '30s', grace: '15m', watch: '2h', drainMax: '7d' };
    const config = parseConfig(configWith({ '/demo/db': { ...billing, policy } }), options);

    expect(config.environments['demo']!.secrets['/demo/db']!.policy).toMatchObject({
      soakMs: 500,
      quietMs: 30_000,
      graceMs: 900_000,
      watchMs: 7_200_000,
      drainMaxMs: 604_800_000,
    });
  });

  test('turns back at a refusal and parks at the end of drain, unless the policy says otherwise', () => {
    const policyOf = (policy: PolicyInput) =>
      parseConfig(configWith({ '/demo/db': { ...billing, policy } }), options).environments['demo']!.secrets[
        '/demo/db'
      ]!.policy;

    expect(policyOf({})).toMatchObject({ onRefusal: 'undo', onDrainMax: 'park' });
    expect(policyOf({ onRefusal: 'park', onDrainMax: 'extend' })).toMatchObject({
      onRefusal: 'park',
      onDrainMax: 'extend',
    });
  });

  test('gives a plan that is JSON and holds the reference, not the secret', () => {
    const config = parseConfig(configWith({ '/demo/db': { ...billing, group: 'money' } }), options);

    const plan = planFor({
      config,
      environment: 'demo',
      path: '/demo/db',
      rotationId: 'r1',
      trigger: 'demand',
      reason: 'a test',
      requestedBy: 'local:somebody',
      repair: false,
    });
    expect(findNonJson(plan)).toBeUndefined();
    expect(plan.config).toEqual({ password: { $ref: 'env:ADMIN_PASSWORD' }, owner: 'billing' });
    expect(claimsFor(config.environments['demo']!.secrets['/demo/db']!)).toEqual([
      'secret demo:/demo/db',
      'group demo:money',
      'principal demo:billing:billing',
    ]);
  });

  test('an unknown environment or secret is answered with those there are', () => {
    const config = parseConfig(configWith({ '/demo/db': billing }), options);
    const ask = (environment: string, path: string): unknown =>
      planFor({
        config,
        environment,
        path,
        rotationId: 'r1',
        trigger: 'demand',
        reason: 'a test',
        requestedBy: 'local:somebody',
        repair: false,
      });

    expect(() => ask('prod', '/demo/db')).toThrow(/UNKNOWN_ENVIRONMENT: .*Name one of: demo/);
    expect(() => ask('constructor', '/demo/db')).toThrow(/UNKNOWN_ENVIRONMENT/);
    expect(() => ask('demo', '/demo/other')).toThrow(/UNKNOWN_SECRET: .*Name one of: \/demo\/db/);
  });
});

describe('a configuration is refused', () => {
  test('whole, with every problem and its path, and without a value', () => {
    const inline = 'hunter2-hunter2';
    const { code, problems } = refusal(
      configWith(
        {
          '/demo/db': { ...billing, policy: { grace: 'soon' }, schedule: { cron: inline, timezone: 'Mars/Olympus' } },
          '/demo/../db': billing,
        },
        { webhooks: [{ name: 'pager', url: `https://user:${inline}@pager.example`, key: env('not a name') }] },
      ),
    );

    expect(code).toBe('CONFIG_INVALID');
    expect(problems).toContain('environments.demo.secrets["/demo/db"].policy.grace: expected a duration');
    expect(problems).toContain('environments.demo.webhooks[0].url: an address holds no credentials');
    expect(problems).toContain('environments.demo.webhooks[0].key: a reference is made by env(…)');
    expect(problems).not.toContain(inline);
  });

  test('for a type of webhook that there is not, and for an endpoint that wants none', () => {
    const wants = (events: readonly string[]) =>
      refusal(
        configWith(
          {},
          { webhooks: [{ name: 'pager', url: 'https://pager.example', key: env('KEY'), events: events as never }] },
        ),
      ).problems;

    expect(wants(['rotation.parked', 'rotation.stuck'])).toMatch(/webhooks\[0\]\.events\[1\]: .*"rotation\.parked"/);
    expect(wants([])).toContain('webhooks[0].events: expected one type or more; leave it out for all');
  });

  test('for an address whose host the environment does not list, and for a list that is none', () => {
    const to = (host: string) => ({ name: 'pager', url: `https://${host}/hook`, key: env('KEY') });
    const secret = { ...billing, consumers: [{ name: 'app', url: 'https://app.other.example' }] };
    const { problems } = refusal(
      configWith(
        { '/demo/db': secret },
        {
          allowHosts: ['hooks.example.com', '*.internal'],
          webhooks: [to('hooks.example.com'), { ...to('evil.example'), name: 'other' }],
        },
      ),
    );
    expect(problems).toContain('environments.demo.webhooks[1].url: its host is not one of allowHosts');
    expect(problems).toContain('secrets["/demo/db"].consumers[0].url: its host is not one of allowHosts');
    expect(problems).not.toContain('webhooks[0]');

    for (const host of [
      'https://hooks.example.com',
      'Hooks.example.com',
      '*',
      'a.*.example.com',
      'hooks.example.com:8443',
      '',
    ])
      expect(refusal(configWith({}, { allowHosts: [host] })).problems, host).toMatch(
        /allowHosts\[0\]: expected a host in lower case/,
      );
    expect(refusal(configWith({}, { allowHosts: [] })).problems).toContain('allowHosts: expected one host or more');
  });

  test('for an unknown key, by its name', () => {
    expect(refusal({ ...configWith({}), queue: 'x' }).problems).toMatch(/"queue"/);
    expect(refusal(configWith({ '/demo/db': { ...billing, paths: [] } as SecretInput })).problems).toMatch(
      /secrets\["\/demo\/db"\]: .*"paths"/,
    );
    expect(refusal(configWith({ '/demo/db': { ...billing, config: { owner: 'a', ownr: 'b' } } })).problems).toMatch(
      /secrets\["\/demo\/db"\]\.config: .*"ownr"/,
    );
  });

  test('for a secret written inline, without showing it', () => {
    const { problems } = refusal(
      configWith({ '/demo/db': { ...billing, config: { owner: 'a', password: 'hunter2-hunter2' } } }),
    );

    expect(problems).toBe('environments.demo.secrets["/demo/db"].config.password: expected a reference');
  });

  test('for two secrets with one principal on one target', () => {
    expect(refusal(configWith({ '/demo/a': billing, '/demo/b': billing })).problems).toBe(
      'environments.demo.secrets["/demo/b"]: it has the same principal as /demo/a on one target',
    );
  });

  test('where a rotation in place was not chosen, or was chosen without need', () => {
    const oneLive = { ...billing, config: { owner: 'a', live: 'one' } };

    expect(refusal(configWith({ '/demo/db': oneLive })).problems).toMatch(/accept that with workflow: 'in-place-/);
    expect(refusal(configWith({ '/demo/db': { ...billing, workflow: 'in-place-rotation' } })).problems).toMatch(
      /keeps two live credentials; leave workflow out/,
    );
    parseConfig(configWith({ '/demo/db': { ...oneLive, workflow: 'in-place-rotation' } }), options);
  });

  test('for a target, a schedule or an environment nobody knows', () => {
    expect(refusal(configWith({ '/demo/db': { target: 'nowhere' } })).problems).toMatch(/there is no such target/);
    expect(
      refusal(configWith({ '/demo/db': { ...billing, schedule: { cron: 'x', timezone: 'Europe/Berlin' } } })).problems,
    ).toMatch(/\.schedule: expected a cron expression/);
    for (const overdueAfter of ['30s', '59s', 'banana']) {
      const hasty = { ...billing, schedule: { cron: '0 3 * * *', timezone: 'UTC', overdueAfter } };
      expect(refusal(configWith({ '/demo/db': hasty })).problems).toMatch(
        /\.schedule\.overdueAfter: expected at least 1m, such as 30m, 4h or 2d$/,
      );
    }
    expect(refusal({ keyring: { file: 'k' } }).problems).toMatch(/^environments: /);
    expect(refusal(undefined).code).toBe('CONFIG_INVALID');
  });

  test.each<readonly [unknown, string]>([
    [{}, "keyring: expected one of the two: file: './keyturn.key', or kms: {"],
    [{ file: 'k', kms: { key: 'alias/k', region: 'eu-west-1' } }, 'keyring: expected one of the two'],
    [{ kms: { key: 'keyturn', region: 'eu-west-1' } }, 'keyring.kms.key: expected alias/NAME, a key id, or the ARN'],
    [
      { kms: { key: 'alias/aws/ssm', region: 'eu-west-1' } },
      'keyring.kms.key: alias/aws/… belongs to a service of AWS',
    ],
    [{ kms: { key: 'alias/k', region: 'Frankfurt' } }, 'keyring.kms.region: expected a region such as eu-central-1'],
    [
      { kms: { key: 'arn:aws:kms:eu-west-1:111122223333:alias/k', region: 'eu-central-1' } },
      'keyring.kms.key: this key is in eu-west-1; name that region',
    ],
    [
      { kms: { key: 'alias/k', region: 'eu-west-1', endpoint: 'ftp://kms' } },
      'keyring.kms.endpoint: expected an http or https address',
    ],
    [{ file: 'k', previous: { kms: { key: 'x', region: 'eu-west-1' } } }, 'keyring.previous.kms.key: expected alias/'],
  ])('for a keyring of %j', (keyring, problem) => {
    expect(refusal({ ...configWith({}), keyring }).problems).toContain(problem);
  });

  test('for something that is not a rotator', () => {
    const exported = configWith({}, { targets: { billing: { rotator: {} as Rotator, config: {} } } });

    expect(refusal(exported).problems).toMatch(/targets\.billing\.rotator: expected a rotator/);
  });

  test('for a rotator of another contract, by its name', () => {
    const exported = configWith({}, { targets: { billing: { rotator: { ...rotator, contract: 7 }, config: {} } } });

    expect(() => parseConfig(exported, options)).toThrow(
      `CONTRACT_MISMATCH: rotator plain was built for contract 7, this Keyturn speaks ${CONTRACT}`,
    );
  });

  test.each([
    ['demo/db', 'begins with /'],
    ['/demo//db', 'no //'],
    ['/demo/', 'no / at its end'],
    ['/demo/../db', 'no . or ..'],
    ['/demo/%2e%2e', 'no %'],
    ['/demo/d\u0000b', 'no control characters'],
    ['/demo/cafe\u0301', 'NFC'],
    ['/demo/caf\u00e9', 'letters, digits'],
    ['/demo:/db', 'letters, digits'],
    ['/aws/db', 'aws or ssm'],
    ['/SSMx/db', 'aws or ssm'],
    [`/${Array.from({ length: 16 }, () => 'a').join('/')}`, 'at most 15 levels'],
    [`/${'a'.repeat(1000)}`, 'at most 900 characters'],
  ])('for the path %j', (path, why) => {
    expect(refusal(configWith({ [path]: billing })).problems).toContain(why);
  });
});

describe('the login of the state database', () => {
  const named = (secret: string, input: SecretInput = billing) => ({
    ...configWith({ '/demo/db': input }),
    databaseLogin: { environment: 'demo', secret },
  });

  test('is a secret of the configuration that keeps two live logins', () => {
    expect(parseConfig(named('/demo/db'), options).databaseLogin).toEqual({ environment: 'demo', secret: '/demo/db' });
    expect(parseConfig(configWith({ '/demo/db': billing }), options).databaseLogin).toBeNull();
  });

  test('is refused where it is none, or would lock workers out', () => {
    expect(refusal(named('/demo/other'))).toEqual({
      code: 'CONFIG_INVALID',
      problems: expect.stringContaining('databaseLogin: there is no such secret in that environment'),
    });
    const inPlace: SecretInput = {
      target: 'billing',
      workflow: 'in-place-rotation',
      config: { owner: 'billing', live: 'one' },
    };
    expect(refusal(named('/demo/db', inPlace)).problems).toContain(
      'databaseLogin: its target must keep two live logins',
    );
  });
});
