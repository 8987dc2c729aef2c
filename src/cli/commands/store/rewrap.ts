import { exit } from '../../output.js';
import { withProgress } from '../../progress.js';
import type { Register } from '../../program.js';

/** `keyturn store rewrap` */
export const rewrap: Register = (group, action) =>
  group
    .command('rewrap')
    .description('seal everything under the master key of the configuration that is still under `previous`')
    .action(
      action(async ({ doors, where, output }) => {
        const { moved, unopened } = await withProgress(output, 'rewrapping', (progress) =>
          doors.rewrap(where, { tell: (count) => progress(`rewrapped ${count}`) }),
        );
        const left = unopened.map((row) => `neither key opens ${row}`);
        const sentence = `${moved} ${moved === 1 ? 'value was' : 'values were'} sealed under the new master key.`;
        const next =
          unopened.length === 0
            ? 'Restart the workers, run this once more, and when it says 0, take `previous` out of the configuration.'
            : 'They stay as they are. Keep `previous`, and find the key they belong to.';
        output.answer({ moved, unopened }, [sentence, ...left, next].join('\n'));
        return unopened.length === 0 ? exit.done : exit.failed;
      }),
    );
