import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../support/eventually.js';
import { childrenOf } from '../support/processes.js';
import { findFreePort } from '../support/redis.js';

/** The script behind Debian's `rabbitmq-server`, which itself runs as the user `rabbitmq` only, and on its data. */
const program = '/usr/lib/rabbitmq/bin/rabbitmq-server';

/**
 * Why there is no RabbitMQ here; undefined where it is installed.
 *
 * *Errors*: the same, with `REQUIRE_RABBITMQ=1`.
 */
export function missingRabbitmq(): string | undefined {
  if (existsSync(program)) return undefined;
  const reason = `no ${program}: apt-get install --no-install-recommends rabbitmq-server`;
  if (process.env['REQUIRE_RABBITMQ'] === '1') throw new Error(reason);
  return reason;
}

/** A RabbitMQ with its management plugin, and nothing in it but its administrator. */
export interface TestRabbitmq {
  /** Of the management plugin. */
  readonly url: string;
  /** Where clients log in. */
  readonly amqpPort: number;
  readonly admin: { readonly username: string; readonly password: string };
  /** Asks the management plugin as its administrator. */
  readonly ask: (method: string, path: string, body?: unknown) => Promise<Response>;
  /** Everything the server has written down about its work. */
  readonly log: () => Promise<string>;
  /** The server, and every process below it. */
  readonly processes: () => readonly number[];
  /** *Repeat*: harmless. */
  readonly stop: () => Promise<void>;
}

/**
 * Holds the server for a test run that may die at any moment: it lives as long as this shell's stdin is open, which the
 * kernel closes with the run. Erlang's register of nodes is a process of its own, which would outlive them all.
 */
const holder = `
exec 3<&0
epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 </dev/null >/dev/null 2>&1 3<&- &
register=$!
"$@" </dev/null >"$HOME/output" 2>&1 3<&- &
server=$!
{ cat <&3 >/dev/null; kill -9 "$server" "$register"; } >/dev/null 2>&1 &
exec 3<&-
wait "$server"
kill -9 "$register"
wait "$register"
rm -rf "$HOME"
`;

/** Starts a server of its own: own ports, own name, own folder, whoever runs the test. */
export async function startRabbitmq(): Promise<TestRabbitmq> {
  const folder = await mkdtemp(join(tmpdir(), 'keyturn-rabbitmq-'));
  const [amqpPort, httpPort, distributionPort, registerPort] = [
    await findFreePort(),
    await findFreePort(),
    await findFreePort(),
    await findFreePort(),
  ];
  const admin = { username: 'ops', password: 'only-for-this-test-0001' };
  await mkdir(join(folder, 'log'));
  await writeFile(join(folder, 'enabled_plugins'), '[rabbitmq_management].\n');
  await writeFile(
    join(folder, 'rabbitmq.conf'),
    `listeners.tcp.local = 127.0.0.1:${amqpPort}
management.tcp.ip = 127.0.0.1
management.tcp.port = ${httpPort}
default_user = ${admin.username}
default_pass = ${admin.password}
log.file.level = info
`,
  );
  const shell = spawn('sh', ['-c', holder, 'sh', program], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      // The secret by which Erlang's nodes know each other is made there.
      HOME: folder,
      ERL_EPMD_PORT: String(registerPort),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_NODENAME: `keyturn-${amqpPort}@localhost`,
      RABBITMQ_DIST_PORT: String(distributionPort),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      RABBITMQ_MNESIA_BASE: join(folder, 'data'),
      RABBITMQ_LOG_BASE: join(folder, 'log'),
      RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
      RABBITMQ_CONF_ENV_FILE: '/dev/null',
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
      RABBITMQ_PID_FILE: join(folder, 'pid'),
      // The script then becomes the server and does not stay beside it.
      RUNNING_UNDER_SYSTEMD: '1',
    },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const ended = once(shell, 'exit');
  const url = `http://127.0.0.1:${httpPort}`;
  const basic = Buffer.from(`${admin.username}:${admin.password}`).toString('base64');
  const ask: TestRabbitmq['ask'] = async (method, path, body) =>
    fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Basic ${basic}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const stop = async (): Promise<void> => {
    shell.stdin.destroy();
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await eventually(
      'RabbitMQ answers',
      async () => {
        if (shell.exitCode !== null) throw new Error('it ended by itself');
        return (await ask('GET', '/api/overview')).ok;
      },
      { maxMs: 200_000, everyMs: 200 },
    );
  } catch (error) {
    const said = await readFile(join(folder, 'output'), 'utf8').catch(() => '');
    await stop();
    throw new Error(`RabbitMQ does not start: ${said.slice(-4_000)}`, { cause: error });
  }
  return {
    ...{ url, amqpPort, admin, ask, stop },
    log: async () => readFile(join(folder, 'log', `keyturn-${amqpPort}@localhost.log`), 'utf8'),
    processes: () => (shell.pid === undefined ? [] : descendantsOf(shell.pid)),
  };
}

const descendantsOf = (pid: number): readonly number[] =>
  childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
