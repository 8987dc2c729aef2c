import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { type AgentOptions, Agent as HttpAgent, request } from 'node:http';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import {
  GetParameterCommand,
  GetParametersByPathCommand,
  GetParametersCommand,
  PutParameterCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { startAgent } from '../../src/agent/agent.js';
import { parametersOfSsm } from '../../src/agent/stored-parameter.js';
import { type ServedStore, servedStore } from '../ssm-server/served-store.js';
import { canary } from '../support/canary.mjs';
import { temporaryFolder } from '../support/temporary-folder.js';
import { events } from './readings.js';

const secrets = ['/app/key', '/app/other', '/app/none'];
const values = { key: canary(), other: canary() };
let store: ServedStore;

beforeAll(async () => {
  store = await servedStore();
  const client = await store.client();
  for (const [Name, Value] of [
    ['/app/key', 'old'],
    ['/app/key', values.key],
    ['/app/other', values.other],
    ['/secret', 'of nobody here'],
  ] as const) {
    await client.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', Overwrite: true }));
  }
});

afterAll(() => store.close());

/** How often the store was asked for a parameter, as it has written down itself. */
async function reads(path: string): Promise<number> {
  const { rows } = await store.pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM keyturn.accesses WHERE action = 'GetParameter' AND parameter = $1`,
    [`test:${path}`],
  );
  return rows[0]?.count ?? 0;
}

/** An agent with a socket, against the store or a URL that is not answered. */
async function agent({ endpoint = store.serverUrl, ttlMs = 60_000, staleMs = 600_000, mode = 0o600 } = {}) {
  const key = await store.key();
  vi.stubEnv('AWS_ACCESS_KEY_ID', key.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', key.secretAccessKey);
  onTestFinished(() => void vi.unstubAllEnvs());
  const path = join(await temporaryFolder(), 'ssm.sock');
  const { tell, told } = events();
  const start = async () => {
    const source = parametersOfSsm({ endpoint, region: 'eu-central-1' });
    const limits = { ttlMs, staleMs };
    const parts = { staging: 'labels', file: null, canaryCheck: null, challenges: null } as const;
    const started = await startAgent({ secrets, source, ...limits, ...parts, socket: { path, mode }, tell });
    onTestFinished(() => started.stop());
    return started;
  };
  return { path, start, told };
}

function clientOf(socketPath: string): SSMClient {
  // Node takes it, its types do not know it.
  const options: AgentOptions & { readonly socketPath: string } = { socketPath };
  const client = new SSMClient({
    endpoint: 'http://localhost',
    region: 'eu-central-1',
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    maxAttempts: 1,
    requestHandler: { httpAgent: new HttpAgent(options) },
  });
  onTestFinished(() => client.destroy());
  return client;
}

/** One start of a process: a connection of its own, one read. */
async function readOnce(socketPath: string, Name: string): Promise<string> {
  const headers = { 'x-amz-target': 'AmazonSSM.GetParameter' };
  const call = request({ socketPath, agent: false, method: 'POST', path: '/', headers });
  call.end(JSON.stringify({ Name, WithDecryption: true }));
  const [answer] = (await once(call, 'response')) as [NodeJS.ReadableStream];
  const { Parameter } = JSON.parse(await text(answer)) as { readonly Parameter: { readonly Value: string } };
  return Parameter.Value;
}

const named = (name: string): Error => expect.objectContaining({ name }) as Error;

test('a thousand processes that start at once cost the store one read of each name', async () => {
  const { path, start } = await agent();
  await start();
  const before = [await reads('/app/key'), await reads('/app/other')];

  const answers = await Promise.all(
    Array.from({ length: 1_000 }, (_, at) => readOnce(path, at % 2 === 0 ? '/app/key' : '/app/other')),
  );

  expect(answers.every((value, at) => value === (at % 2 === 0 ? values.key : values.other))).toBe(true);
  expect([await reads('/app/key'), await reads('/app/other')]).toEqual(before.map((count) => count + 1));
}, 120_000);

test('the SDK of AWS reads by name, version and several at once, as the store itself answers', async () => {
  const { path, start } = await agent();
  await start();
  const [cached, direct] = [clientOf(path), await store.client()];

  for (const Name of ['/app/key', '/app/key:1', '/app/other:1']) {
    const get = new GetParameterCommand({ Name, WithDecryption: true });
    const [{ Parameter: answered }, { Parameter: own }] = [await cached.send(get), await direct.send(get)];
    expect(answered).toEqual(own);
  }
  const many = new GetParametersCommand({ Names: ['/app/other', '/app/none', '/app/key:9'], WithDecryption: true });
  const [several, own] = [await cached.send(many), await direct.send(many)];
  expect(several.Parameters).toEqual(own.Parameters);
  expect([...(several.InvalidParameters ?? [])].sort()).toEqual([...(own.InvalidParameters ?? [])].sort());
});

test('what is not named, not there, asked for sealed or no read is refused as SSM does', async () => {
  const { path, start } = await agent();
  await start();
  const client = clientOf(path);
  const get = (Name: string, WithDecryption = true) => client.send(new GetParameterCommand({ Name, WithDecryption }));
  const before = await reads('/secret');

  for (const name of ['/secret', '/app', '/app/key/deeper', '/app/KEY', 'app/key']) {
    await expect(get(name)).rejects.toEqual(named('AccessDeniedException'));
  }
  const names = ['/app/key', '/secret'];
  await expect(client.send(new GetParametersCommand({ Names: names, WithDecryption: true }))).rejects.toEqual(
    named('AccessDeniedException'),
  );
  await expect(get('/app/none')).rejects.toEqual(named('ParameterNotFound'));
  await expect(get('/app/key:7')).rejects.toEqual(named('ParameterVersionNotFound'));
  await expect(get('/app/key', false)).rejects.toEqual(named('ValidationException'));
  await expect(client.send(new GetParametersCommand({ Names: [] }))).rejects.toEqual(named('ValidationException'));
  await expect(client.send(new GetParametersByPathCommand({ Path: '/app' }))).rejects.toEqual(
    named('UnknownOperationException'),
  );
  expect(await reads('/secret')).toBe(before);
});

/** A client of an agent that has read a value from a store which then went away. */
async function afterAnOutage(staleMs: number) {
  const own = await servedStore();
  const { path, start, told } = await agent({ endpoint: own.serverUrl, ttlMs: 0, staleMs });
  const key = await own.key();
  vi.stubEnv('AWS_ACCESS_KEY_ID', key.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', key.secretAccessKey);
  await (await own.client()).send(new PutParameterCommand({ Name: '/app/key', Value: values.key, Type: 'String' }));
  await start();
  const client = clientOf(path);
  const get = () => client.send(new GetParameterCommand({ Name: '/app/key', WithDecryption: true }));
  expect((await get()).Parameter?.Value).toBe(values.key);
  await own.close();
  return { get, told };
}

test('while the store is away the last value is answered, and told of', async () => {
  const { get, told } = await afterAnOutage(600_000);

  expect((await get()).Parameter?.Value).toBe(values.key);

  const name = '/app/key';
  expect(told.at(-1)).toMatchObject({ kind: 'not-read', name, heldForMs: expect.any(Number) as number });
});

test('a value that is older than it may be is not answered, but an error that every SDK asks again', async () => {
  const { get, told } = await afterAnOutage(0);

  const status = { httpStatusCode: 500 };
  await expect(get()).rejects.toMatchObject({ name: 'InternalServerError', $metadata: status });

  expect(told.at(-1)).toMatchObject({ kind: 'not-read', heldForMs: null });
});

test('the socket is open to whom the mode says, whatever the umask, and is gone once the agent has ended', async () => {
  const umask = process.umask(0);
  onTestFinished(() => void process.umask(umask));
  const [own, shared] = [await agent(), await agent({ mode: 0o660 })];
  const running = await own.start();
  await shared.start();

  expect((await stat(own.path)).mode & 0o777).toBe(0o600);
  expect((await stat(shared.path)).mode & 0o777).toBe(0o660);
  expect(process.umask()).toBe(0);
  await running.stop();
  expect(existsSync(own.path)).toBe(false);
});

test('a socket that a killed agent has left is replaced; one that is answered, and what is no socket, is not', async () => {
  const { path, start } = await agent();
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('listens'))`;
  const other = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(other.stdout, 'data');

  await expect(start()).rejects.toThrow(/somebody listens on/);
  other.kill('SIGKILL');
  await once(other, 'close');
  expect(existsSync(path)).toBe(true);
  await start();

  expect(await readOnce(path, '/app/key')).toBe(values.key);
  const taken = await agent();
  await writeFile(taken.path, 'mine');
  await expect(taken.start()).rejects.toThrow(/is there and is no socket/);
  expect(await readFile(taken.path, 'utf8')).toBe('mine');
});

test('of agents that start at once where a killed one has left a socket one at most listens, and it is answered', async () => {
  const { path, start } = await agent();
  const leave = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 9))`;

  for (let round = 0; round < 5; round += 1) {
    await once(spawn(process.execPath, ['-e', leave], { stdio: 'inherit' }), 'exit');
    expect(existsSync(path)).toBe(true);
    const begun = await Promise.allSettled([start(), start(), start()]);
    const started = begun.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(started.length).toBeLessThanOrEqual(1);
    const running = started[0] ?? (await start());
    await expect(start()).rejects.toThrow(/^--listen cannot be used: another agent keeps/);
    expect(await readOnce(path, '/app/key')).toBe(values.key);
    await running.stop();
    expect(await readdir(dirname(path))).toEqual([]);
  }
});

test('a request that is none is answered, and the next one is too', async () => {
  const { path, start } = await agent();
  await start();
  const send = async (method: string, url: string, body: string): Promise<number | undefined> => {
    const headers = { 'x-amz-target': 'AmazonSSM.GetParameter' };
    const call = request({ socketPath: path, agent: false, method, path: url, headers });
    call.on('error', () => undefined).end(body);
    const [answer] = (await once(call, 'response')) as [{ readonly statusCode?: number; resume: () => void }];
    answer.resume();
    return answer.statusCode;
  };

  expect(await send('GET', '/', '')).toBe(404);
  expect(await send('POST', '/other', '{}')).toBe(404);
  for (const body of ['', 'x', '[]', 'null', '{}', '{"Name":7}', '{"Name":"/app/key:a:b"}', '{"Name":"/app/key:"}']) {
    expect(await send('POST', '/', body)).toBe(400);
  }
  expect(await send('POST', '/', `{"Name":"${'x'.repeat(70_000)}"}`)).toBe(413);
  expect(await readOnce(path, '/app/key')).toBe(values.key);
});
