import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { exampleConfig } from '../../config/example.js';
import { findConfig } from '../../config/load.js';
import { exit } from '../output.js';
import type { Register } from '../program.js';

/** `keyturn init` */
export const init: Register = (program, action) =>
  program
    .command('init')
    .description('make a master key and an example configuration, where they are missing')
    .option('--key <file>', 'where the master key goes', 'keyturn.key')
    .action(
      action(async ({ doors, where, output }, command: Command) => {
        const { key } = command.opts<{ readonly key: string }>();
        const keyFile = resolve(key);
        const configFile = resolve(where.config ?? findConfig('.') ?? join('.', 'keyturn.config.ts'));
        const made: string[] = [];
        if (!existsSync(keyFile)) {
          await doors.makeKeyFile(keyFile);
          made.push(keyFile);
        }
        if (!existsSync(configFile)) {
          const keyPath = relative(resolve(configFile, '..'), keyFile);
          // Never over a file that has come meanwhile.
          const text = exampleConfig({
            keyFile: keyPath,
            adminName: 'keyturn_admin',
            adminPassword: "env('BILLING_ADMIN_PASSWORD')",
            port: 5432,
          });
          await writeFile(configFile, text, { flag: 'wx' });
          made.push(configFile);
        }
        output.answer(
          { made },
          made.length === 0
            ? 'Nothing to do: both are there.'
            : `Made ${made.join(' and ')}. Keep the key out of version control, and a copy of it in a safe place.`,
        );
        return exit.done;
      }),
    );
