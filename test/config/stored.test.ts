import { expect, test } from 'vitest';
import { z } from 'zod';
import type { ConfigInput, SecretInput, SettingInput } from '../../src/config/define.js';
import { parseConfig } from '../../src/config/parse.js';
import { env, store } from '../../src/config/references.js';
import { CONTRACT, type Rotator, secretSchema } from '../../src/contract/rotator.js';
import { isKeyturnError } from '../../src/core/errors.js';
import { ableCapabilities } from '../support/plans.js';

const settings = z.strictObject({
  name: z.string(),
  admin: z.strictObject({ username: z.string(), password: secretSchema }),
  live: z.enum(['one', 'two']).default('two'),
  selfManaged: z.boolean().default(false),
});

/** Only asked what it is: nothing here is ever connected. */
const rotator: Rotator<z.output<typeof settings>> = {
  name: 'plain',
  contract: CONTRACT,
  config: settings,
  credential: { identity: 'username', value: 'password' },
  capabilities: ({ live }) => ({ ...ableCapabilities, overlap: live === 'one' ? 'one-live' : 'two-live' }),
  principal: ({ name }) => name,
  connect: () => {
    throw new Error('not in this test');
  },
  classify: () => 'unknown',
};

/** A target whose admin is given so, with the secret `/admin` on it and what else is said of that. */
function configWith(
  admin: SettingInput,
  own: Readonly<Record<string, SettingInput>> = {},
  further: Partial<ConfigInput['environments'][string]> & { readonly secret?: Partial<SecretInput> } = {},
): ConfigInput {
  const { secret, ...rest } = further;
  const byPerson = { username: 'root', password: env('ROOT_PASSWORD') };
  return {
    keyring: { file: './keyturn.key' },
    environments: {
      demo: {
        targets: {
          db: { rotator, config: { admin } },
          vault: { rotator, config: { admin: byPerson } },
        },
        secrets: {
          '/admin': { target: 'vault', config: { name: 'admin', ...own }, ...secret },
          '/app': { target: 'db', config: { name: 'app' } },
        },
        ...rest,
      },
    },
  };
}

function parse(input: ConfigInput) {
  return parseConfig(input, {
    file: '/etc/keyturn/keyturn.config.ts',
    workflows: [
      { name: 'staged-rotation', number: 1 },
      { name: 'in-place-rotation', number: 1 },
    ],
    calendar: { next: () => 1 },
  });
}

function problemsOf(input: ConfigInput): string {
  try {
    parse(input);
  } catch (error) {
    if (isKeyturnError(error)) return String(error.facts['problems']);
    throw error;
  }
  return '';
}

test.each([
  ['as a whole', store('/admin')],
  ['field by field', { username: store('/admin', 'username'), password: store('/admin', 'password') }],
])('an admin credential is another secret, %s, and a plan holds where it is', (_, admin) => {
  const { secrets } = parse(configWith(admin)).environments['demo']!;

  expect(secrets['/app']!.config['admin']).toEqual(admin);
  expect(JSON.stringify(secrets['/app']!.config)).not.toContain('stands-for');
});

test.each([
  ['a path that is none', store('admin'), 'a path begins with /'],
  ['a secret that is not there', store('/nowhere'), "store('/nowhere'): there is no such secret in this environment"],
  ['a field with more after it', { username: 'a', password: store('/admin', 'password#x') }, 'its fields are'],
  [
    'a field it does not have',
    { username: 'a', password: store('/admin', 'token') },
    'its fields are username and password',
  ],
])('%s is refused, with where it stands', (_, admin, says) => {
  expect(problemsOf(configWith(admin))).toContain(says);
});

test('a secret that opens its own target says so, and keeps two live', () => {
  const on = { secret: { target: 'db' } };
  const itself = store('/admin');

  expect(problemsOf(configWith(itself, {}, on))).toMatch(
    /^environments.demo.secrets\["\/admin"\].config: .*selfManaged: true/,
  );
  expect(problemsOf(configWith(itself, { selfManaged: true }, on))).toBe('');
  const oneLive = { secret: { target: 'db', workflow: 'in-place-rotation' as const } };
  expect(problemsOf(configWith(itself, { selfManaged: true, live: 'one' }, oneLive))).toContain('two-live');
  expect(problemsOf(configWith(itself, { selfManaged: true }))).toContain("admin: store('/admin')");
});

test('a signing key that is a secret is one value of it', () => {
  const to = { name: 'sink', url: 'https://example.org/hook' };
  const withKey = (key: ReturnType<typeof store>) => configWith(store('/admin'), {}, { webhooks: [{ ...to, key }] });

  expect(problemsOf(withKey(store('/admin', 'password')))).toBe('');
  expect(problemsOf(withKey(store('/admin')))).toBe(
    "environments.demo.webhooks[0].key: a key is one value: store('/admin', 'password')",
  );
  expect(problemsOf(withKey(store('/nowhere', 'key')))).toContain('there is no such secret');
});
