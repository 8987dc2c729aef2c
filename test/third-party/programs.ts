import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { eventually } from '../support/eventually.js';

const packages = fileURLToPath(new URL('./node_modules/', import.meta.url));

/** Why a program of others cannot be had; undefined where it is installed. */
export function missing(name: 'verdaccio' | 'verdaccio-6-2' | 'unleash-server'): string | undefined {
  return existsSync(join(packages, name)) ? undefined : `${name} is not installed: npm ci --prefix test/third-party`;
}

/** A server of somebody else's, on a port of its own. */
export interface Program {
  readonly url: string;
  /** Kills it and removes what it wrote. */
  readonly stop: () => Promise<void>;
}

/** An npm registry whose accounts have tokens. */
export async function startVerdaccio(name: 'verdaccio' | 'verdaccio-6-2'): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), 'keyturn-verdaccio-'));
  const port = await freePort();
  await writeFile(
    join(folder, 'config.yaml'),
    `storage: ./storage
auth:
  htpasswd:
    file: ./htpasswd
packages:
  '**': { access: $all, publish: $authenticated }
flags: { token: true, experiments: { token: true } }
log: { type: stdout, format: json, level: warn }
`,
  );
  const listen = `127.0.0.1:${port}`;
  const args = [join(packages, name, 'bin/verdaccio'), '--config', join(folder, 'config.yaml'), '--listen', listen];
  return started({ args, folder, port, ping: '/-/ping', environment: {} });
}

/** A feature flag server on this database, with this admin token. */
export async function startUnleash(databaseUrl: string, adminToken: string): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), 'keyturn-unleash-'));
  const port = await freePort();
  const library = pathToFileURL(join(packages, 'unleash-server/dist/lib/server-impl.js')).href;
  const script = `import { start } from ${JSON.stringify(library)}; await start();`;
  return started({
    args: ['--input-type=module', '--eval', script],
    folder,
    port,
    ping: '/health',
    environment: {
      DATABASE_URL: databaseUrl,
      DATABASE_SSL: 'false',
      INIT_ADMIN_API_TOKENS: adminToken,
      HTTP_HOST: '127.0.0.1',
      PORT: String(port),
      CHECK_VERSION: 'false',
      SEND_TELEMETRY: 'false',
      LOG_LEVEL: 'error',
    },
  });
}

interface Starting {
  readonly args: readonly string[];
  readonly folder: string;
  readonly port: number;
  readonly ping: string;
  readonly environment: Readonly<Record<string, string>>;
}

async function started({ args, folder, port, ping, environment }: Starting): Promise<Program> {
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(-4_000)));
  }
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await killed(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await eventually(
      'the server answers',
      async () => {
        if (child.exitCode !== null) throw new Error(`it ended by itself: ${said}`);
        return (await fetch(`${url}${ping}`)).ok;
      },
      { maxMs: 120_000, everyMs: 200 },
    );
  } catch (error) {
    await stop();
    throw new Error(`it does not start: ${said}`, { cause: error });
  }
  return { url, stop };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
