// A process that starts an embedded server and then may be killed in any way. Its argument is the options as JSON; it
// answers one line of JSON, and then runs until its stdin closes, a SIGINT comes, or somebody kills it.
import pg from 'pg';
import type { EmbeddedPostgresOptions } from '../../src/embedded/postgres.js';
import { startEmbeddedPostgres } from '../../src/embedded/postgres.js';

/** The argument of this process. */
export interface LaunchArgument extends EmbeddedPostgresOptions {
  /** True ends at once and stops nothing, as a program does that forgot to. */
  readonly andLeave?: boolean;
}

/** The line it answers. `url` is a secret of a server that lives for one test. */
export interface LaunchAnswer {
  readonly port: number;
  readonly dataDir: string;
  readonly url: string;
}

const { andLeave = false, ...options } = JSON.parse(process.argv[2] ?? '') as LaunchArgument;
const server = await startEmbeddedPostgres(options);
const answer: LaunchAnswer = { port: server.port, dataDir: server.dataDir, url: server.url('postgres') };
process.stdout.write(`${JSON.stringify(answer)}\n`);

if (!andLeave) {
  process.on('SIGINT', () => {
    void (async () => {
      const client = new pg.Client(server.url('postgres'));
      await client.connect();
      await client.query('SELECT 1');
      await client.end();
      process.stdout.write('finished on SIGINT\n');
      await server.stop();
      process.exit(0);
    })();
  });
  process.stdin.once('end', () => void server.stop().then(() => process.exit(0)));
  process.stdin.resume();
}
