import { type Command, Option } from 'commander';
import { keyturnError } from '../../core/errors.js';
import { acksPort, withAcksPort } from '../acks-option.js';
import type { Serve, WorkerOptions } from '../doors.js';
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

/** `keyturn serve --store --acks` */
export const serve: Register = (program, action) =>
  withAcksPort(
    withStoreOptions(
      program
        .command('serve')
        .description(
          'answer requests until stopped: the store, by the wire protocol of AWS SSM, and what consumers answer later',
        )
        .option('--store', 'serve the built-in store', false)
        .option('--acks', 'take what consumers answer to challenges later, at POST /v1/acks', false),
      { mayBeOff: false },
    ),
    { byDefault: '9465' },
  ).action(
    action(async ({ doors, where, output }, command: Command) => {
      const told = interruption(doors);
      const serving = await doors.serve(where, served(command));
      const { storeUrl, acksUrl } = serving;
      const what = [
        ...(storeUrl === null ? [] : [`Serving the store at ${storeUrl}.`]),
        ...(acksUrl === null ? [] : [`Taking acks at ${acksUrl}.`]),
      ];
      output.answer({ storeUrl, acksUrl }, [...what, 'Stop with Ctrl-C.'].join(' '));
      await told;
      await serving.stop();
      return exit.done;
    }),
  );

/** What `keyturn serve` is to serve. *Errors* `USAGE`. */
function served(command: Command): Serve {
  const usage = (finding: string): Error => keyturnError('USAGE', { finding, command: 'serve' });
  const { store, acks } = command.opts<{ readonly store: boolean; readonly acks: boolean }>();
  if (!store && !acks) throw usage('say what is to be served: --store, --acks, or both');
  const what = { store: store ? storeListen(command) : null, acksPort: acks ? acksPort(command) : null };
  if (store && what.store === null) throw usage('--store-port off serves nothing');
  if (acks && what.acksPort === null) throw usage('--acks-port off takes nothing');
  return what;
}

/** `keyturn up` */
export const up: Register = (program, action) =>
  withAcksPort(
    withStoreOptions(
      withWorkerOptions(
        program
          .command('up')
          .description('everything in one process, with a PostgreSQL of its own unless KEYTURN_DATABASE_URL is set'),
      ),
      { mayBeOff: true },
    ),
    { byDefault: 'off' },
  ).action(
    action(async ({ doors, where, output }, command: Command) => {
      const told = interruption(doors);
      const what = { store: storeListen(command), acksPort: acksPort(command) };
      const running = await withProgress(output, 'starting', (progress) =>
        doors.up(where, { ...workerOptions(command), ...what, progress }),
      );
      const { configFile, made, isEmbedded, healthUrl, storeUrl, acksUrl } = running;
      output.answer(
        { configFile, made, isEmbedded, healthUrl, storeUrl, acksUrl },
        [
          ...made.map((path) => `made      ${path}`),
          `config    ${configFile}`,
          `database  ${isEmbedded ? `embedded, in ${where.data}` : 'as KEYTURN_DATABASE_URL says'}`,
          `health    ${healthUrl ?? 'not served'}`,
          `store     ${storeUrl ?? 'not served'}`,
          `acks      ${acksUrl ?? 'not taken'}`,
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
