import { type Command, Option } from 'commander';
import { keyturnError } from '../../core/errors.js';
import type { WorkerOptions } from '../doors.js';
import { interruption } from '../interruption.js';
import { numberOf } from '../number-option.js';
import { exit } from '../output.js';
import { withProgress } from '../progress.js';
import type { Register } from '../program.js';
import { storeListen, withStoreOptions } from '../store-options.js';

interface WorkOptions {
  readonly concurrency: string;
  readonly healthPort: string;
}

/** `keyturn migrate` */
export const migrate: Register = (program, action) =>
  program
    .command('migrate')
    .description('bring the state database to this version')
    .option('--app-role <role>', 'an existing role that workers log in as: it gets what they need and no more')
    .action(
      action(async ({ doors, where, output }, command: Command) => {
        const { appRole } = command.opts<{ readonly appRole?: string }>();
        await withProgress(output, 'migrating', () => doors.migrate(where, { appRole }));
        output.answer({ migrated: true }, 'The state database is at this version.');
        return exit.done;
      }),
    );

/** `keyturn worker` */
export const worker: Register = (program, action) =>
  withWorkerOptions(program.command('worker').description('work on rotations until stopped')).action(
    action(async ({ doors, where, output }, command: Command) => {
      const told = interruption(doors);
      const running = await doors.worker(where, workerOptions(command));
      output.answer(
        { healthUrl: running.healthUrl },
        `Working. Health: ${running.healthUrl ?? 'not served'}. Stop with Ctrl-C.`,
      );
      await told;
      await running.stop();
      return exit.done;
    }),
  );

/** `keyturn serve --store` */
export const serve: Register = (program, action) =>
  withStoreOptions(
    program
      .command('serve')
      .description('answer requests until stopped: the store, by the wire protocol of AWS SSM')
      .option('--store', 'serve the built-in store', false),
    { mayBeOff: false },
  ).action(
    action(async ({ doors, where, output }, command: Command) => {
      if (!command.opts<{ readonly store: boolean }>().store) {
        const finding = 'say what is to be served: --store is all there is; there is no HTTP API yet';
        throw keyturnError('USAGE', { finding, command: 'serve' });
      }
      const told = interruption(doors);
      const listen = storeListen(command);
      if (listen === null)
        throw keyturnError('USAGE', { finding: '--store-port off serves nothing', command: 'serve' });
      const serving = await doors.serveStore(where, listen);
      output.answer({ storeUrl: serving.storeUrl }, `Serving the store at ${serving.storeUrl}. Stop with Ctrl-C.`);
      await told;
      await serving.stop();
      return exit.done;
    }),
  );

/** `keyturn up` */
export const up: Register = (program, action) =>
  withStoreOptions(
    withWorkerOptions(
      program
        .command('up')
        .description('everything in one process, with a PostgreSQL of its own unless KEYTURN_DATABASE_URL is set'),
    ),
    { mayBeOff: true },
  ).action(
    action(async ({ doors, where, output }, command: Command) => {
      const told = interruption(doors);
      const store = storeListen(command);
      const running = await withProgress(output, 'starting', (progress) =>
        doors.up(where, { ...workerOptions(command), store, progress }),
      );
      const { configFile, made, isEmbedded, healthUrl, storeUrl } = running;
      output.answer(
        { configFile, made, isEmbedded, healthUrl, storeUrl },
        [
          ...made.map((path) => `made      ${path}`),
          `config    ${configFile}`,
          `database  ${isEmbedded ? `embedded, in ${where.data}` : 'as KEYTURN_DATABASE_URL says'}`,
          `health    ${healthUrl ?? 'not served'}`,
          `store     ${storeUrl ?? 'not served'}`,
          'Keyturn is up. In another terminal of this folder: keyturn status',
          'Stop with Ctrl-C.',
        ].join('\n'),
      );
      const broken = await Promise.race([told, running.broken]);
      await running.stop();
      if (broken !== undefined) throw broken;
      output.line(isEmbedded ? `Stopped. Everything is kept in ${where.data}` : 'Stopped.');
      return exit.done;
    }),
  );

/** `keyturn demo` */
export const demo: Register = (program, action) =>
  program
    .command('demo')
    .description('rotate the credential of a busy application and watch it notice nothing')
    .addOption(
      new Option('--store <kind>', 'where versions are: the built-in store, or one that speaks the protocol of AWS SSM')
        .choices(['built-in', 'ssm'])
        .default('built-in'),
    )
    .action(
      action(async ({ doors, common }, command: Command) => {
        const { store } = command.opts<{ readonly store: 'built-in' | 'ssm' }>();
        return doors.demo({ json: common.json, store });
      }),
    );

function withWorkerOptions(command: Command): Command {
  return command
    .option('--concurrency <count>', 'rotations at one time', '16')
    .option(
      '--health-port <port>',
      'where /livez, /readyz and /metrics answer; 0: any free port; off: nowhere',
      '9464',
    );
}

function workerOptions(command: Command): WorkerOptions {
  const { concurrency, healthPort } = command.opts<WorkOptions>();
  return {
    concurrency: numberOf(concurrency, { name: '--concurrency', min: 1, max: 1000, command: command.name() }),
    healthPort:
      healthPort === 'off'
        ? null
        : numberOf(healthPort, { name: '--health-port', min: 0, max: 65_535, command: command.name() }),
  };
}
