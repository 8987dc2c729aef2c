import { exit } from '../../output.js';
import type { Register } from '../../program.js';

/** `keyturn rotator integrity PATH` */
export const integrity: Register = (group, action) =>
  group
    .command('integrity')
    .argument('<path>', 'the folder of an installed package: node_modules/acme')
    .description('print the hash by which `isolated(…)` allows a rotator; reads its files and runs none of them')
    .action(
      action(async ({ doors, output, args: [path = ''] }) => {
        const integrity = await doors.rotatorIntegrity(path);
        output.answer({ integrity }, integrity);
        return exit.done;
      }),
    );
