import { writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { join } from 'node:path';
import {
  GetParameterCommand,
  GetParametersByPathCommand,
  PutParameterCommand,
  SSMClient,
  type SSMClientConfig,
} from '@aws-sdk/client-ssm';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { cert, key } from '../support/localhost-certificate.js';
import { type Answer, type RunningKeyturn, startKeyturn } from './keyturn.js';
import { type Workspace, workspace } from './workspace.js';

interface Token {
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
  readonly principal: string;
}

const create = ['token', 'create', '--aws', '--env', 'demo'] as const;

async function tokenFor(place: Workspace, ...options: readonly string[]): Promise<Token> {
  const made = await place.run(...create, ...options, '--json');
  expect(made).toMatchObject({ code: 0, stderr: '' });
  return JSON.parse(made.stdout) as Token;
}

async function served(
  place: Workspace,
  ...options: readonly string[]
): Promise<{ readonly url: string; readonly running: RunningKeyturn }> {
  const args = ['serve', '--store', '--store-port', '0', ...options];
  const running = await startKeyturn(args, place.options, /Stop with Ctrl-C/);
  return { url: /at (\S+)\. Stop/.exec(running.output().stdout)?.[1] ?? '', running };
}

function clientOf(url: string, token: Token, more: SSMClientConfig = {}): SSMClient {
  const client = new SSMClient({
    endpoint: url,
    region: 'eu-central-1',
    credentials: { accessKeyId: token.AWS_ACCESS_KEY_ID, secretAccessKey: token.AWS_SECRET_ACCESS_KEY },
    maxAttempts: 1,
    ...more,
  });
  onTestFinished(() => client.destroy());
  return client;
}

const named = (name: string): Error => expect.objectContaining({ name }) as Error;

function expectUsage(answer: Answer, finding: RegExp, code = 'USAGE'): void {
  expect(answer.stderr).toMatch(new RegExp(`^${code}: \\S.*\\. \\S.*\\n$`));
  expect(answer.stderr).toMatch(finding);
  expect(answer).toMatchObject({ code: 2, stdout: '' });
}

test('a token reads and writes what its grants name and nothing beside, and every access is written down', async () => {
  const place = await workspace();
  const { url, running } = await served(place);
  const writer = clientOf(url, await tokenFor(place, '--path', '/demo/*', '--allow', 'read,write'));
  const reader = await tokenFor(place, '--path', '/demo/a', '/demo/c/*', '--allow', 'read', '--principal', 'reader');

  for (const Name of ['/demo/a', '/demo/ab', '/demo/c/d']) {
    await writer.send(new PutParameterCommand({ Name, Value: `of ${Name}`, Type: 'SecureString' }));
  }
  const reading = clientOf(url, reader);
  const { Parameter } = await reading.send(new GetParameterCommand({ Name: '/demo/a', WithDecryption: true }));
  const { Parameters } = await reading.send(new GetParametersByPathCommand({ Path: '/demo/c' }));

  expect(Parameter).toMatchObject({ Value: 'of /demo/a', Version: 1 });
  expect(Parameters).toMatchObject([{ Name: '/demo/c/d' }]);
  for (const Name of ['/demo/ab', '/demo/nothing', '/other']) {
    await expect(reading.send(new GetParameterCommand({ Name }))).rejects.toEqual(named('AccessDeniedException'));
  }
  await expect(reading.send(new PutParameterCommand({ Name: '/demo/a', Value: 'x', Overwrite: true }))).rejects.toEqual(
    named('AccessDeniedException'),
  );
  const accesses = await place.ask(
    `SELECT action, parameter, outcome, source FROM keyturn.accesses WHERE principal = 'reader' ORDER BY id`,
  );
  expect(accesses).toEqual([
    { action: 'GetParameter', parameter: 'demo:/demo/a', outcome: 'done', source: '127.0.0.1' },
    { action: 'GetParametersByPath', parameter: 'demo:/demo/c/d', outcome: 'done', source: '127.0.0.1' },
    { action: 'GetParameter', parameter: 'demo:/demo/ab', outcome: 'AccessDeniedException', source: '127.0.0.1' },
    { action: 'GetParameter', parameter: 'demo:/demo/nothing', outcome: 'AccessDeniedException', source: '127.0.0.1' },
    { action: 'GetParameter', parameter: 'demo:/other', outcome: 'AccessDeniedException', source: '127.0.0.1' },
    { action: 'PutParameter', parameter: 'demo:/demo/a', outcome: 'AccessDeniedException', source: '127.0.0.1' },
  ]);
  expect(await running.stop()).toMatchObject({ code: 0, stderr: '' });
});

test('a revoked token works no more, and no list shows the secret half of any', async () => {
  const place = await workspace();
  const { url } = await served(place);
  const text = await place.run(...create, '--path', '/demo/*', '--allow', 'read,write');
  const token = await tokenFor(place, '--path', '/*', '--allow', 'write', '--requests-per-second', '7');
  const client = clientOf(url, token);
  const put = () =>
    client.send(new PutParameterCommand({ Name: '/demo/x', Value: 'x', Type: 'String', Overwrite: true }));
  await put();

  const revoked = await place.run('token', 'revoke', token.AWS_ACCESS_KEY_ID, '--reason', 'its laptop was stolen');
  const again = await place.run('token', 'revoke', token.AWS_ACCESS_KEY_ID, '--reason', 'twice');
  const unknown = await place.run('token', 'revoke', 'AKKTNOTHING', '--reason', 'x');
  const [asText, asJson] = [await place.run('token', 'list'), await place.run('token', 'list', '--json')];

  expect([revoked.code, again.code]).toEqual([0, 0]);
  expectUsage(unknown, /there is no access key AKKTNOTHING/, 'UNKNOWN_TOKEN');
  let name = '';
  await eventually('the server has forgotten the key', async () => {
    name = await put().then(
      () => '',
      (error: unknown) => (error instanceof Error ? error.name : ''),
    );
    // Until then it may be refused for asking too often.
    return name === 'UnrecognizedClientException';
  });
  const secretHalf = /^AWS_ACCESS_KEY_ID=(AKKT\S{16})\nAWS_SECRET_ACCESS_KEY=(\S{40})\n$/.exec(text.stdout)?.[2];
  expect(secretHalf).toBeDefined();
  for (const shown of [secretHalf ?? '', token.AWS_SECRET_ACCESS_KEY]) {
    expect(asText.stdout + asJson.stdout).not.toContain(shown);
  }
  expect(JSON.parse(asJson.stdout)).toMatchObject([
    {
      keyId: token.AWS_ACCESS_KEY_ID,
      principal: `token:${token.AWS_ACCESS_KEY_ID}`,
      grants: [{ path: '/*', allow: ['write'] }],
      requestsPerSecond: 7,
      revokedAt: expect.any(String) as string,
    },
    { environment: 'demo', requestsPerSecond: 100, revokedAt: null },
  ]);
  expect(asText.stdout).toMatch(/\/demo\/\* read,write +100\/s .*in force/);
  const trail = `SELECT action, reason FROM keyturn.audit WHERE facts ->> 'keyId' = '${token.AWS_ACCESS_KEY_ID}' ORDER BY id`;
  expect(await place.ask(trail)).toEqual([
    { action: 'AccessKeyMade', reason: `for ${token.principal}` },
    { action: 'AccessKeyRevoked', reason: 'its laptop was stolen' },
  ]);
});

test('what a token cannot be is refused by name, and none is made', async () => {
  const place = await workspace();
  const refused = async (finding: RegExp, code: string, ...options: readonly string[]) =>
    expectUsage(await place.run(...options), finding, code);
  const read = ['--allow', 'read'] as const;

  await refused(/required option '--aws'/, 'USAGE', 'token', 'create', '--env', 'demo', '--path', '/a', ...read);
  await refused(/required option '--env/, 'USAGE', 'token', 'create', '--aws', '--path', '/a', ...read);
  await refused(/required option '--path/, 'USAGE', ...create, ...read);
  await refused(/required option '--allow/, 'USAGE', ...create, '--path', '/a');
  await refused(
    /no environment prod/,
    'UNKNOWN_ENVIRONMENT',
    'token',
    'create',
    '--aws',
    '--env',
    'prod',
    '--path',
    '/a',
    ...read,
  );
  for (const path of ['', '/a*', '/a/../b', '/a\nb']) {
    await refused(/--path /, 'USAGE', ...create, '--path', path, ...read);
  }
  for (const allow of ['', 'read,', '*']) {
    await refused(/--allow takes read, write, delete/, 'USAGE', ...create, '--path', '/a', '--allow', allow);
  }
  for (const count of ['0', '1e3', '100001']) {
    const options = ['--path', '/a', ...read, `--requests-per-second=${count}`];
    await refused(/--requests-per-second expects a number from 1 to 100000/, 'USAGE', ...create, ...options);
  }
  for (const principal of ['', 'a b']) {
    await refused(/--principal has/, 'USAGE', ...create, '--path', '/a', ...read, '--principal', principal);
  }
  await refused(/required option '--reason/, 'USAGE', 'token', 'revoke', 'AKKT');
  await refused(/--reason says why/, 'USAGE', 'token', 'revoke', 'AKKT', '--reason', ' ');
  expect(await place.ask('SELECT key_id FROM keyturn.access_keys')).toEqual([]);
});

test('the store is served over TLS, and in clear to this machine alone unless that is asked for', async () => {
  const place = await workspace();
  const pem = { cert: join(place.folder, 'cert.pem'), key: join(place.folder, 'key.pem') };
  await writeFile(pem.cert, cert);
  await writeFile(pem.key, key);
  const token = await tokenFor(place, '--path', '/*', '--allow', 'read,write');
  const tls = await served(place, '--store-address', '127.0.0.1', '--tls-cert', pem.cert, '--tls-key', pem.key);
  const { url: plain } = await served(place, '--store-address', '0.0.0.0', '--plain-http');
  const get = new GetParameterCommand({ Name: '/x' });

  const over = (url: string, ca: string | undefined) =>
    clientOf(url, token, { requestHandler: { httpsAgent: new Agent(ca === undefined ? {} : { ca }) } }).send(get);

  expect(tls.url).toMatch(/^https:/);
  const byName = tls.url.replace('127.0.0.1', 'localhost');
  await expect(over(byName, cert)).rejects.toEqual(named('ParameterNotFound'));
  await expect(over(byName, undefined)).rejects.toThrow(/certificate/);
  await expect(over(plain.replace('0.0.0.0', '127.0.0.1'), undefined)).rejects.toEqual(named('ParameterNotFound'));
});

test('what cannot be served is refused by name', async () => {
  const place = await workspace();
  const { url } = await served(place);
  const { port } = new URL(url);
  const refused = async (finding: RegExp, code: string, ...options: readonly string[]) =>
    expectUsage(await place.run('serve', ...options), finding, code);

  await refused(/say what is to be served: --store, --acks, or both/, 'USAGE');
  await refused(
    /in clear.*--tls-cert/,
    'SETTING_INVALID',
    '--store',
    '--store-address',
    '0.0.0.0',
    '--store-port',
    '0',
  );
  await refused(/are given together/, 'USAGE', '--store', '--tls-cert', 'x.pem');
  await refused(/are given together/, 'USAGE', '--store', '--tls-key', 'x.pem');
  await refused(
    /file x\.pem cannot be read/,
    'SETTING_INVALID',
    '--store',
    '--tls-cert',
    'x.pem',
    '--tls-key',
    'x.pem',
  );
  const own = ['--tls-cert', 'keyturn.config.ts', '--tls-key', 'keyturn.config.ts'];
  await refused(/not a certificate in PEM/, 'SETTING_INVALID', '--store', '--store-port', '0', ...own);
  await refused(/exclude each other/, 'USAGE', '--store', '--plain-http', '--tls-cert', 'x', '--tls-key', 'x');
  await refused(/--store-port expects a number from 0 to 65535/, 'USAGE', '--store', '--store-port', '70000');
  await refused(/serves nothing/, 'USAGE', '--store', '--store-port', 'off');
  await refused(/--store-port/, 'ADDRESS_IN_USE', '--store', '--store-port', port);
  await refused(/192\.0\.2\.1/, 'SETTING_INVALID', '--store', '--plain-http', '--store-address', '192.0.2.1');
});
