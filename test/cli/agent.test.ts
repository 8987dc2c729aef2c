import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { scanSinks } from '../support/leak-scanner.js';
import { findFreePort } from '../support/redis.js';
import { processesOf, textSink } from '../support/sinks.js';
import { keyturn, startKeyturn } from './keyturn.js';
import { workspace } from './workspace.js';

const path = '/demo/billing/db';
const rotate = ['rotate', path, '--env', 'demo', '--reason', 'a test', '--wait'] as const;
const repository = fileURLToPath(new URL('../..', import.meta.url));
const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** `keyturn up` whose one secret has a consumer that goes first and must prove, and a key to read it. */
async function ground() {
  const place = await workspace();
  const { folder } = place;
  const config = join(folder, 'keyturn.config.ts');
  const port = await findFreePort();
  const key = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
  const text = await readFile(config, 'utf8');
  const consumers = `consumers: [{ name: 'application', url: 'http://127.0.0.1:${port}/', canary: true, required: true, cacheTtl: '1s', key: env('CONSUMER_KEY') }],`;
  await writeFile(
    config,
    text
      .replace("poll: '100ms' },", `poll: '100ms' },\n          ${consumers}`)
      .replace('secrets: {', 'allowPrivateAddresses: true,\n      secrets: {'),
  );
  const options = { ...place.options, env: { ...place.options.env, CONSUMER_KEY: key } };
  const up = await startKeyturn(['up', '--health-port', 'off', '--store-port', '0'], options, /Keyturn is up/);
  const made = await keyturn(
    ['token', 'create', '--aws', '--env', 'demo', '--path', path, '--allow', 'read', '--json'],
    options,
  );
  const token = JSON.parse(made.stdout) as Readonly<Record<string, string>>;
  const [, host = '', pgPort = ''] = /host: '([^']+)', port: (\d+)/.exec(text) ?? [];
  return {
    ...place,
    run: (...args: readonly string[]) => keyturn(args, options),
    up,
    port,
    database: [host, pgPort, /database: '([^']+)'/.exec(text)?.[1] ?? ''],
    /** Of the agent: it has no state database. */
    env: {
      KEYTURN_STORE_URL: /^store +(\S+)$/m.exec(up.output().stdout)?.[1] ?? '',
      KEYTURN_CONSUMER_KEY: key,
      AWS_ACCESS_KEY_ID: token['AWS_ACCESS_KEY_ID'] ?? '',
      AWS_SECRET_ACCESS_KEY: token['AWS_SECRET_ACCESS_KEY'] ?? '',
    },
  };
}

test('an application that only knows its file is rotated: the agent goes first, reloads it, and proves', async () => {
  const { folder, env, run, port, database, ask, roles, up } = await ground();
  const file = join(folder, 'credential.json');
  const using = join(folder, 'using');
  const check = [process.execPath, program('agent-check.mjs'), repository, '{file}', ...database].join(' ');
  const agent = await startKeyturn(
    [
      ...['agent', '--secret', path, '--file', file, '--env', 'demo', '--ttl', '1s'],
      ...['--signal', 'HUP', '--pid-file', join(folder, 'application.pid'), '--check', `${check} ${using}`],
      ...['--challenges', `127.0.0.1:${port}`, '--instance', 'billing-1', '--canary-check', check],
    ],
    { cwd: folder, env },
    /Following/,
  );
  const written = async (): Promise<{ readonly username: string }> =>
    JSON.parse(await readFile(file, 'utf8')) as { readonly username: string };

  // The agent is there before the secret has a version, and before there is an application to tell of it.
  const first = run(...rotate);
  await eventually('the file is there', () => existsSync(file), { maxMs: 60_000 });
  const application = spawn(
    process.execPath,
    [program('agent-application.mjs'), repository, file, ...database, folder],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  onTestFinished(() => void application.kill('SIGKILL'));
  expect(await first).toMatchObject({ code: 0 });
  const before = (await written()).username;
  expect(await readFile(using, 'utf8')).toBe(before);

  expect(await run(...rotate)).toMatchObject({ code: 0 });

  const after = (await written()).username;
  expect([before, after].sort()).toEqual([...roles.logins].sort());
  expect(await readFile(using, 'utf8')).toBe(after);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await readdir(folder)).filter((name) => name.startsWith('.credential') || name.includes('pending'))).toEqual(
    [],
  );
  const [{ id } = { id: '' }] = await ask(
    'SELECT rotation_id AS id FROM keyturn.rotations ORDER BY requested_at DESC LIMIT 1',
  );
  expect(JSON.parse((await run('consumers', 'show', String(id), '--json')).stdout)).toMatchObject([
    { consumer: 'application', instances: [{ instance: 'billing-1', answer: 'proved' }] },
  ]);

  // Without Keyturn everything stays as it is, also for an agent that is started then.
  await up.stop();
  const value = await readFile(file, 'utf8');
  const said = await scanSinks([], [processesOf([agent.pid]), textSink('output', JSON.stringify(agent.output()))]);
  expect(said.leaks).toEqual([]);
  expect(await agent.stop()).toMatchObject({ code: 0 });
  const again = await startKeyturn(['agent', '--secret', path, '--file', file], { cwd: folder, env }, /Following/);
  await eventually('it says so', () => again.output().stderr.includes('secret not read'), { maxMs: 30_000 });
  expect(await again.stop()).toMatchObject({ code: 0 });
  expect(await readFile(file, 'utf8')).toBe(value);
}, 420_000);
