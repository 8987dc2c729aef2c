import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import mysql from 'mysql2/promise';
import { eventually } from './eventually.js';
import { findFreePort } from './redis.js';

const run = promisify(execFile);

/** A MariaDB to test against. `root` may do everything and has no password. */
export interface TestMariadb {
  readonly port: number;
  /** Holds its files: the data, `general.log` with every statement, `error.log`. */
  readonly folder: string;
  readonly pid: number;
  /** Ends it as a crash would, and starts it anew from its files. */
  readonly restart: () => Promise<void>;
  /** *Repeat*: harmless. */
  readonly stop: () => Promise<void>;
}

/** Where the program is, or why there is none. Debian keeps it where only root looks. */
export async function findMariadb(): Promise<{ readonly path: string } | string> {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']) {
    const path = join(folder, 'mariadbd');
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return { path };
  }
  const reason = 'no mariadbd on the PATH: apt-get install mariadb-server';
  if (process.env['REQUIRE_MARIADB'] === '1') throw new Error(reason);
  return reason;
}

/**
 * Holds the server for a test run that may die at any moment: it lives as long as this shell's stdin is open, which the
 * kernel closes with the run. The shell has a session of its own, so a Ctrl-C does not reach it.
 */
const holder = `
exec 3<&0
"$@" >/dev/null 2>&1 3<&- &
server=$!
echo "$server"
{ cat <&3 >/dev/null; kill -9 "$server"; } >/dev/null 2>&1 &
exec 3<&-
wait "$server"
test -e "$KEYTURN_FOLDER/keep" || rm -rf "$KEYTURN_FOLDER"
`;

/** Starts a server of its own. Whatever it can write down it does, because that is searched for secrets. */
export async function startMariadb(settings: readonly string[] = []): Promise<TestMariadb> {
  const program = await findMariadb();
  if (typeof program === 'string') throw new Error(program);
  const folder = await mkdtemp(join(tmpdir(), 'keyturn-mariadb-'));
  const data = join(folder, 'data');
  // A server that starts removes what others have in the same folder for temporary tables.
  const temporary = join(folder, 'temporary');
  await mkdir(temporary);
  const user = `--user=${userInfo().username}`;
  const quick = ['--innodb-log-file-size=4M', '--innodb-buffer-pool-size=8M'];
  const methods = ['--auth-root-authentication-method=normal', '--skip-test-db'];
  await run('mariadb-install-db', ['--no-defaults', user, `--datadir=${data}`, ...methods, ...quick], {
    env: { ...process.env, TMPDIR: temporary },
  });
  const settingsOf = (port: number): readonly string[] => [
    ...['--no-defaults', user, `--datadir=${data}`, `--port=${port}`, '--bind-address=127.0.0.1'],
    ...[`--socket=${join(folder, 'socket')}`, `--tmpdir=${temporary}`, '--innodb-flush-log-at-trx-commit=2', ...quick],
    ...['--general-log=1', `--general-log-file=${join(folder, 'general.log')}`],
    ...[`--log-error=${join(folder, 'error.log')}`, '--performance-schema=ON', '--skip-name-resolve', ...settings],
  ];
  const keep = join(folder, 'keep');
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const port = await findFreePort();
    // Kept until it answers: another process may have taken the port first.
    await writeFile(keep, '');
    let server = await hold(port, folder, [program.path, ...settingsOf(port)]);
    if (server === undefined) continue;
    await rm(keep);
    return {
      port,
      folder,
      get pid() {
        return server?.pid ?? 0;
      },
      restart: async () => {
        await writeFile(keep, '');
        await server?.stop();
        server = await hold(port, folder, [program.path, ...settingsOf(port)]);
        if (server === undefined) throw new Error('MariaDB does not start anew');
        await rm(keep);
      },
      stop: async () => {
        await server?.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  }
  await rm(folder, { recursive: true, force: true });
  throw new Error('MariaDB does not start');
}

interface Held {
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/** *Returns* undefined where it does not start. */
async function hold(port: number, folder: string, words: readonly string[]): Promise<Held | undefined> {
  const shell = spawn('sh', ['-c', holder, 'sh', ...words], {
    env: { PATH: process.env['PATH'], KEYTURN_FOLDER: folder },
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  let hasEnded = false;
  const ended = new Promise<void>((resolve) =>
    shell.once('exit', () => {
      hasEnded = true;
      resolve();
    }),
  );
  const told = once(shell.stdout, 'data');
  await eventually(
    `a MariaDB on port ${port}`,
    async () => {
      if (hasEnded) return true;
      await (await mysql.createConnection({ host: '127.0.0.1', port, user: 'root' })).end();
      return true;
    },
    { maxMs: 60_000 },
  );
  if (hasEnded) return undefined;
  const [text] = (await told) as [Buffer];
  shell.unref();
  return {
    pid: Number(text.toString()),
    stop: async () => {
      shell.stdin.destroy();
      await ended;
    },
  };
}
