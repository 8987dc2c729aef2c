import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { receiver } from '../adapters/http/receiver.js';
import { keyturn, startKeyturn } from '../cli/keyturn.js';
import { workspace } from '../cli/workspace.js';
import { eventually } from '../support/eventually.js';
import { findFreePort } from '../support/redis.js';

const path = '/demo/billing/db';
const rotate = ['rotate', path, '--env', 'demo', '--reason', 'a test', '--wait'] as const;
const repository = fileURLToPath(new URL('../..', import.meta.url));

/** What the application tells of itself. */
interface Standing {
  readonly queries: number;
  readonly failures: number;
  readonly users: readonly string[];
}

/** Runs it as docs/consumers.md says. */
function start(env: Readonly<Record<string, string>>): { readonly child: ChildProcess; readonly errors: () => string } {
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/application.ts'], {
    cwd: repository,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, errors: () => errors };
}

/** The example at work on a secret that was rotated once, with worker and store. `change` is made to the text of the configuration. */
async function exampleAtWork(change: (text: string) => string = (text) => text) {
  const place = await workspace();
  const file = join(place.folder, 'keyturn.config.ts');
  const port = await findFreePort();
  const key = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
  const options = { ...place.options, env: { ...place.options.env, CONSUMER_KEY: key } };
  const run = (...args: readonly string[]) => keyturn(args, options);
  const served = await startKeyturn(['serve', '--store', '--store-port', '0'], options, /Stop with Ctrl-C/);
  const first = await startKeyturn(['worker', '--health-port', 'off'], options, /Working/);
  // The first credential is there before anybody reads it.
  expect(await run(...rotate)).toMatchObject({ code: 0 });
  await first.stop();
  const text = await readFile(file, 'utf8');
  const consumers = `consumers: [{ name: 'application', url: 'http://127.0.0.1:${port}/keyturn', canary: true, cacheTtl: '1s', key: env('CONSUMER_KEY') }],`;
  await writeFile(
    file,
    change(
      text
        .replace("poll: '100ms' },", `poll: '100ms' },\n          ${consumers}`)
        .replace('secrets: {', 'allowPrivateAddresses: true,\n      secrets: {'),
    ),
  );
  await startKeyturn(['worker', '--health-port', 'off'], options, /Working/);
  const made = await run('token', 'create', '--aws', '--env', 'demo', '--path', path, '--allow', 'read', '--json');
  const token = JSON.parse(made.stdout) as Readonly<Record<string, string>>;
  const [, host = '', pgPort = ''] = /host: '([^']+)', port: (\d+)/.exec(text) ?? [];
  const application = start({
    KEYTURN_STORE_URL: /at (\S+)\. Stop/.exec(served.output().stdout)?.[1] ?? '',
    KEYTURN_CONSUMER_KEY: key,
    AWS_ACCESS_KEY_ID: token['AWS_ACCESS_KEY_ID'] ?? '',
    AWS_SECRET_ACCESS_KEY: token['AWS_SECRET_ACCESS_KEY'] ?? '',
    PGHOST: host,
    PGPORT: pgPort,
    PGDATABASE: /database: '([^']+)'/.exec(text)?.[1] ?? '',
    PORT: String(port),
  });
  const standing = async (): Promise<Standing> => (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as Standing;
  await eventually('it queries', async () => (await standing()).queries > 20, { maxMs: 60_000 }).catch(
    (cause: unknown) => {
      throw new Error(application.errors(), { cause });
    },
  );
  return { place, run, application, standing };
}

test('the example is rotated twice while it queries: it tries, it proves, and no query fails', async () => {
  const { place, run, application, standing } = await exampleAtWork();
  const [before] = (await standing()).users;

  expect(await run(...rotate)).toMatchObject({ code: 0 });
  const { users } = await standing();
  expect(users).toEqual([before, expect.not.stringMatching(`^${before}$`)]);
  expect(await run(...rotate)).toMatchObject({ code: 0 });

  const { queries } = await standing();
  await eventually('it goes on', async () => (await standing()).queries > queries + 20);
  expect(await standing()).toMatchObject({ failures: 0, users });
  const [{ id } = { id: '' }] = await place.ask(
    'SELECT rotation_id AS id FROM keyturn.rotations ORDER BY requested_at DESC LIMIT 1',
  );
  expect(JSON.parse((await run('consumers', 'show', String(id), '--json')).stdout)).toMatchObject([
    {
      consumer: 'application',
      instances: [
        {
          instance: `application-${application.child.pid}`,
          answer: 'proved',
          propagationMs: expect.any(Number) as number,
        },
      ],
    },
  ]);
}, 240_000);

test('the example moves back without a failed query when another refuses after it has moved', async () => {
  const isMoved = { now: false };
  const refuser = await receiver(({ body }, response) => {
    const { phase } = (JSON.parse(body) as { readonly data: { readonly phase: string } }).data;
    const answer = phase === 'drain' && isMoved.now ? { refused: 'its driver cannot speak it' } : { pending: true };
    response.writeHead(200).end(JSON.stringify({ instance: 'report-1', ...answer }));
  });
  const { run, standing } = await exampleAtWork((text) =>
    text
      .replace(/grace: '[^']+'/, "grace: '60s'")
      .replace(
        "consumers: [{ name: 'application'",
        `consumers: [{ name: 'report', url: '${refuser.url}' }, { name: 'application'`,
      ),
  );
  const [before] = (await standing()).users;

  const rotating = run(...rotate);
  await eventually('it has moved', async () => (await standing()).users.length === 2, { maxMs: 60_000 });
  isMoved.now = true;
  expect(await rotating).toMatchObject({ code: 1 });

  // From here on nobody but the old login is there.
  const { queries } = await standing();
  await eventually('it goes on', async () => (await standing()).queries > queries + 20);
  expect(await standing()).toMatchObject({ failures: 0, users: [before, expect.any(String)] });
}, 240_000);
