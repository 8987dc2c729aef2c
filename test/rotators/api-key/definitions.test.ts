import { Secret } from 'keyturn/rotator';
import apiKey, { type ApiKeySettings, grafana, rabbitmq, rest, unleash, verdaccio } from 'keyturn/rotators/api-key';
import { expect, test } from 'vitest';
import { calendar } from '../../../src/adapters/cron/calendar.js';
import { defineConfig } from '../../../src/config/define.js';
import { parseConfig } from '../../../src/config/parse.js';
import { env } from '../../../src/config/references.js';
import { workflows } from '../../../src/main/settings.js';
import { borrowProvider, ctxOf } from './borrowed.js';

const token = env('ADMIN_TOKEN');

/** What a configuration with this definition says of it. */
function secretWith(config: ApiKeySettings) {
  const input = defineConfig({
    keyring: { file: './keyturn.key' },
    environments: {
      demo: {
        targets: { keys: { rotator: apiKey, config } },
        secrets: { '/demo/key': { target: 'keys', ...('principal' in config ? {} : { config: { principal: '7' } }) } },
      },
    },
  });
  const options = { file: '/etc/keyturn/keyturn.config.ts', workflows, calendar: calendar() };
  return parseConfig(input, options).environments['demo']!.secrets['/demo/key']!;
}

test.each<[string, ApiKeySettings, Readonly<Record<string, unknown>>, string]>([
  ['rest', rest({ baseUrl: 'https://k.example', token, verify: '/me' }), { list: true, exclusive: false }, '7'],
  [
    'grafana',
    grafana({ baseUrl: 'https://g.example', token, secondsToLive: 60 }),
    { list: true, exclusive: false },
    '7',
  ],
  ['unleash', unleash({ baseUrl: 'https://u.example', token }), { list: true, propagationMs: 90_000 }, '7'],
  [
    'rabbitmq',
    rabbitmq({
      baseUrl: 'https://r.example',
      username: 'ops',
      password: token,
      permissions: [{ vhost: '/', configure: '', write: '.*', read: '.*' }],
    }),
    { origin: 'ours', list: true, exclusive: false, disable: false },
    '7',
  ],
  [
    'verdaccio',
    verdaccio({ baseUrl: 'https://v.example', username: 'billing', password: token }),
    { list: true, exclusive: true },
    'billing',
  ],
])('the definition %s is a sound configuration', (_, config, capabilities, principal) => {
  const secret = secretWith(config);

  expect(secret.capabilities).toMatchObject(capabilities);
  expect(secret.principal).toBe(principal);
  expect(secret.warnings).toEqual([]);
});

test('the definition rest makes, finds and destroys a key of a provider of that shape (double)', async () => {
  const { provider } = await borrowProvider();
  const shape = { keys: '/keys', tagField: 'note', identity: '/data/id', value: '/secret', items: '/keys' };
  const config = {
    ...rest({ baseUrl: provider.url, token, verify: '/me', ...shape }),
    auth: { kind: 'bearer', token: Secret.fromText(provider.admin.secret) },
    principal: 'billing',
  };
  const connection = apiKey.connect(apiKey.config.parse(config));

  const { identity, value } = await connection.create({ identity: 'keyturn-r1' }, ctxOf());
  expect(await connection.verify({ identity, value: value! }, ctxOf())).toMatchObject([{ answer: 'accepted' }]);
  expect(await connection.list(ctxOf())).toEqual([{ identity, rotationId: 'r1', live: true }]);
  await connection.destroy(identity, { createdBy: 'r1' }, ctxOf());
  expect(await connection.probe({ identity, value: value! }, ctxOf())).toMatchObject([{ answer: 'refused' }]);
  await connection.close();
});
