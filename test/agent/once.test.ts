import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabelParameterVersionCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import { expect, onTestFinished, test } from 'vitest';
import { keyturn } from '../cli/keyturn.js';
import { servedStore } from '../ssm-server/served-store.js';
import { scanSinks } from '../support/leak-scanner.js';
import { textSink } from '../support/sinks.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { credentialText } from './readings.js';

/** What the SDK of AWS finds credentials by. */
const opening = {
  AWS_BEARER_TOKEN_BEDROCK: 'x',
  AWS_CONFIG_FILE: '/nowhere',
  AWS_CONTAINER_AUTHORIZATION_TOKEN: 'x',
  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '/nowhere',
  AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://127.0.0.1:1/',
  AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/x',
  AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
  AWS_WEB_IDENTITY_TOKEN_FILE: '/nowhere',
};

test('once brings the value, and what it runs has nothing that opens the store and no value', async () => {
  const store = await servedStore();
  onTestFinished(() => store.close());
  const [client, key, folder] = [await store.client(), await store.key(), await temporaryFolder()];
  const text = credentialText('billing');
  await client.send(new PutParameterCommand({ Name: '/app/db', Value: text, Type: 'SecureString' }));
  await client.send(new LabelParameterVersionCommand({ Name: '/app/db', ParameterVersion: 1, Labels: ['current'] }));
  const env = {
    KEYTURN_STORE_URL: store.serverUrl,
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    GREETING: 'hello',
    AWS_REGION: 'eu-west-1',
    AWS_DEFAULT_REGION: 'eu-west-1',
    ...opening,
  };
  const args = ['agent', '--once', '--secret', '/app/db', '--file', 'db.env', '--format', 'env'];

  const answer = await keyturn([...args, '--exec', `sh -c 'env > seen; echo "$@" >> seen' sh {file}`], {
    cwd: folder,
    env,
  });

  expect(answer).toMatchObject({ code: 0, stdout: '/app/db is in db.env.\n' });
  const { username, password } = JSON.parse(text) as { readonly username: string; readonly password: string };
  const lines = `DB='${text}'\nDB_USERNAME=${username}\nDB_PASSWORD=${password}\n`;
  expect((await readFile(join(folder, 'db.env'), 'utf8')) === lines).toBe(true);
  const seen = await readFile(join(folder, 'seen'), 'utf8');
  expect(seen).toMatch(/^GREETING=hello$/m);
  expect(seen).toContain(join(folder, 'db.env'));
  expect(seen).toMatch(/^AWS_REGION=eu-west-1$/m);
  expect(seen.match(/^(AWS|KEYTURN)_\w+(?==)/gm)?.sort()).toEqual(['AWS_DEFAULT_REGION', 'AWS_REGION']);
  const { leaks } = await scanSinks([], [textSink('child', seen), textSink('answer', JSON.stringify(answer))]);
  expect(leaks).toEqual([]);
});
