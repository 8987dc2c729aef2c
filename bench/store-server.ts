import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, createHmac, randomInt, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { createKeyFile } from '../src/adapters/local-keyring/key-file.js';
import { localKeyring } from '../src/adapters/local-keyring/local-keyring.js';
import { migrate } from '../src/adapters/postgres/migrate.js';
import { migrateQueue } from '../src/adapters/bullmq/migrate-queue.js';
import { sealContext } from '../src/adapters/postgres/store/versions.js';
import { Secret } from '../src/core/secret.js';
import { startEmbeddedPostgres } from '../src/embedded/postgres.js';

// Reads of SecureStrings through the wire protocol of the store: signed, authorised, opened, written down with fsync.
// 100,000 parameters, 32 requests in flight, the built server in a process of its own. Run: npm run bench:store

const inFlight = 32;
const rounds = 5;
const forMs = 10_000;
const goal = { perSecond: 1_500, p99Ms: 40 };
const parameters = Number(process.argv[2] ?? 100_000);

const bin = fileURLToPath(new URL('../dist/src/cli/bin.js', import.meta.url));
const pathOf = (index: number): string => `/bench/app${index % 1_000}/p${index}`;

/** Writes them as the store would, a thousand in a statement. */
async function fill(url: string, keyFile: string): Promise<void> {
  const keyring = await localKeyring(keyFile);
  const client = new pg.Client(url);
  await client.connect();
  for (let start = 0; start < parameters; start += 1_000) {
    const rows = await Promise.all(
      Array.from({ length: Math.min(1_000, parameters - start) }, async (_, index) => {
        const path = pathOf(start + index);
        const [secret, putId] = [`bench:${path}`, randomUUID()];
        const value = Secret.fromText(`value ${start + index} of forty characters and no more`);
        const sealed = await keyring.seal(value, sealContext(secret, { putId }));
        return { path, secret, putId, sealed, digest: keyring.digest(value, { environment: 'bench', secret }) };
      }),
    );
    const columns = [
      rows.map(({ secret }) => secret),
      rows.map(({ path }) => path),
      rows.map(({ putId }) => putId),
      rows.map(({ sealed }) => Buffer.from(sealed)),
      rows.map(({ digest }) => digest),
    ];
    await client.query(
      `WITH given AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[])
                        AS given (secret, path, put_id, sealed, digest)),
            kept AS (INSERT INTO keyturn.parameters (parameter, environment, path, name, type, tags)
                     SELECT secret, 'bench', path, path, 'SecureString', '{}' FROM given)
       INSERT INTO keyturn.versions (secret, version, put_id, put_by, details, sealed, digest)
       SELECT secret, 1, put_id, 'bench', '{"tier": "Standard"}', sealed, digest FROM given`,
      columns,
    );
  }
  await client.query('VACUUM ANALYZE keyturn.parameters, keyturn.versions');
  await client.end();
}

interface Key {
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
}

/** Signs for one day; the key of the day is made once, as every client does. */
function signerOf(host: string, key: Key) {
  const date = `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
  const scope = `${date.slice(0, 8)}/eu-central-1/ssm/aws4_request`;
  let signing: Buffer | string = `AWS4${key.AWS_SECRET_ACCESS_KEY}`;
  for (const part of scope.split('/')) signing = createHmac('sha256', signing).update(part).digest();
  const held = signing;
  const names = 'content-type;host;x-amz-date;x-amz-target';
  const headers = {
    'content-type': 'application/x-amz-json-1.1',
    host,
    'x-amz-date': date,
    'x-amz-target': 'AmazonSSM.GetParameter',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}`);
  return (body: string) => {
    const canonical = ['POST', '/', '', ...lines, '', names, sha256(body)].join('\n');
    const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
    const signature = createHmac('sha256', held).update(toSign).digest('hex');
    const credential = `AWS4-HMAC-SHA256 Credential=${key.AWS_ACCESS_KEY_ID}/${scope}`;
    return { ...headers, authorization: `${credential}, SignedHeaders=${names}, Signature=${signature}` };
  };
}

const sha256 = (data: string): string => createHash('sha256').update(data).digest('hex');

/** Reads at random for a while. *Returns* how long each took, in milliseconds, sorted. */
async function readFor(url: string, key: Key, durationMs: number): Promise<readonly number[]> {
  const { hostname, port, host } = new URL(url);
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const sign = signerOf(host, key);
  const tookMs: number[] = [];
  const untilMs = performance.now() + durationMs;
  const reader = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      const index = randomInt(parameters);
      const body = JSON.stringify({ Name: pathOf(index), WithDecryption: true });
      const startedMs = performance.now();
      const answer = await new Promise<string>((resolve, reject) => {
        request({ agent, hostname, port, method: 'POST', path: '/', headers: sign(body) }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          response.on('end', () => resolve(text));
        })
          .on('error', reject)
          .end(body);
      });
      tookMs.push(performance.now() - startedMs);
      if (!answer.includes(`value ${index} of forty`)) throw new Error(`not the value of ${pathOf(index)}: ${answer}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, reader));
  agent.destroy();
  return tookMs.sort((a, b) => a - b);
}

async function memoryMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024);
}

/** What a process has used of the processors so far: unlike a rate, it says something on a machine that has other work. */
async function cpuMs(pid: number): Promise<number> {
  const stat = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  const ticks = Number(stat[11]) + Number(stat[12]);
  return ticks * 10;
}

/** What a command has said on standard output when it has said it, or when it has ended. */
async function said(child: ChildProcess, enough: RegExp | undefined): Promise<string> {
  let text = '';
  child.stdout?.setEncoding('utf8');
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: string) => {
      text += chunk;
      if (enough?.test(text) === true) resolve(text);
    });
    child.once('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`keyturn ended with ${code}`))));
  });
}

const server = await startEmbeddedPostgres({ fsync: true, settings: {} });
const folder = await mkdtemp(join(tmpdir(), 'keyturn-bench-'));
const state = new pg.Client(server.url('postgres'));
await state.connect();
await state.query('CREATE DATABASE keyturn_state');
await state.end();
const url = server.url('keyturn_state');
await migrate(url);
await migrateQueue(url);
const keyFile = join(folder, 'keyturn.key');
await createKeyFile(keyFile);
await writeFile(
  join(folder, 'keyturn.config.mjs'),
  `import { defineConfig } from 'keyturn';
export default defineConfig({ keyring: { file: './keyturn.key' }, environments: { bench: { targets: {}, secrets: {} } } });`,
);
const env = { PATH: process.env['PATH'], KEYTURN_DATABASE_URL: url };
const run = (...args: readonly string[]) =>
  spawn(process.execPath, [bin, ...args, '--json'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
const token = ['token', 'create', '--aws', '--env', 'bench', '--path', '/bench/*', '--allow', 'read'];
const made = run(...token, '--requests-per-second', '100000');
const key = JSON.parse(await said(made, undefined)) as Key;
await fill(url, keyFile);
const serving = run('serve', '--store', '--store-port', '0');
try {
  const { storeUrl } = JSON.parse(await said(serving, /\n/)) as { readonly storeUrl: string };
  const pid = serving.pid ?? 0;
  await readFor(storeUrl, key, forMs / 5);
  console.log(`${parameters} parameters, ${inFlight} in flight, memory after warming up: ${await memoryMb(pid)} MB`);
  for (let round = 1; round <= rounds; round += 1) {
    const startedMs = performance.now();
    const usedMs = await cpuMs(pid);
    const took = await readFor(storeUrl, key, forMs);
    const eachMs = ((await cpuMs(pid)) - usedMs) / took.length;
    const perSecond = Math.round((took.length / (performance.now() - startedMs)) * 1_000);
    const at = (part: number): string => (took[Math.floor(took.length * part)] ?? 0).toFixed(1);
    const isMet = perSecond >= goal.perSecond && Number(at(0.99)) < goal.p99Ms;
    console.log(
      `round ${round}: ${perSecond} reads/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${await memoryMb(pid)} MB, ` +
        `${eachMs.toFixed(2)} ms of processor a read, load ${(loadavg()[0] ?? 0).toFixed(1)} (goal ${goal.perSecond}/s under ${goal.p99Ms} ms: ${isMet ? 'met' : 'not met'})`,
    );
  }
} finally {
  serving.kill('SIGTERM');
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
