import type { Command } from 'commander';
import { exit } from '../../output.js';
import { parameterOf } from '../../parameter-argument.js';
import type { Register } from '../../program.js';
import { withStore } from '../../store-session.js';
import { type OutletOptions, outletOf } from '../../value-outlet.js';

const command = 'store get';

/** `keyturn store get /demo/billing/db:current --env demo --out credential.json`, `--fd 3`, `--reveal` */
export const get: Register = (group, action) =>
  group
    .command('get')
    .description('give the value of a parameter to a file, a descriptor, or a person at a terminal')
    .argument('<name>', 'the parameter; /path:7 or /path:LABEL means one version of it')
    .requiredOption('--env <environment>', 'the environment it belongs to; there is no default')
    .option('--out <file>', 'a new file that only you can read (mode 0600)')
    .option('--force', 'replace the file of --out', false)
    .option('--fd <number>', 'a descriptor that is open already; 1 is standard output')
    .option('--reveal', 'show it here; typed by a person at a terminal', false)
    .action(
      action(async (call, given: Command) => {
        const { doors, output, common, args } = call;
        const options = given.opts<OutletOptions & { readonly env: string }>();
        const name = parameterOf(args[0] ?? '', command);
        const { terminal } = doors;
        const outlet = await outletOf(options, { terminal, json: common.json, command });
        try {
          return await withStore(
            call,
            { environment: options.env, action: command, path: name.path },
            async (session) => {
              const found = await session.find(name);
              const value = await found.open();
              try {
                // Written down first: a value that has left without a record cannot be called back.
                await session.gave([found]);
                await outlet.give(value);
              } finally {
                value.wipe();
              }
              const { path, version, type, labels } = found;
              if (outlet.name !== null && options.fd !== '1') {
                output.answer(
                  { environment: options.env, path, version, type, labels, given: outlet.name },
                  `Version ${version} of ${options.env}:${path} is in ${outlet.name}.`,
                );
              }
              return exit.done;
            },
          );
        } finally {
          await outlet.abandon();
        }
      }),
    );
