import { existsSync } from 'node:fs';
import { access, constants, stat, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { exampleConfig } from '../../config/example.js';
import { keyturnError } from '../../core/errors.js';
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
        const configFile = doors.configFile(where);
        // Before anything is made: a key without a configuration that names it is one more thing to lose.
        for (const file of [keyFile, configFile]) if (!existsSync(file)) await refuseFolder(dirname(file));
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
            adminPassword: { from: 'env', name: 'BILLING_ADMIN_PASSWORD' },
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

async function refuseFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw keyturnError('USAGE', { finding: `there is no folder ${folder}`, command: 'init' });
  }
  await access(folder, constants.W_OK).catch(() => {
    throw keyturnError('USAGE', { finding: `the folder ${folder} cannot be written to`, command: 'init' });
  });
}
