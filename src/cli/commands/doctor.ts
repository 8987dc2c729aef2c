import type { Check } from '../doors.js';
import { exit } from '../output.js';
import { withProgress } from '../progress.js';
import type { Register } from '../program.js';

/** `keyturn doctor` */
export const doctor: Register = (program, action) =>
  program
    .command('doctor')
    .description('look for whatever would make a rotation fail, and say what cures it')
    .action(
      action(async ({ doors, where, output }) => {
        const checks = await withProgress(output, 'examining', async (say) => {
          const done: Check[] = [];
          for await (const check of doors.examine(where)) {
            say(check.check);
            done.push(check);
          }
          return done;
        });
        const isWell = checks.every(({ findings }) => findings.length === 0);
        output.answer({ isWell, checks }, checks.map(textOf).join('\n'));
        return isWell ? exit.done : exit.failed;
      }),
    );

function textOf({ check, findings, skipped }: Check): string {
  if (skipped !== undefined) return `skip  ${check}: ${skipped}`;
  if (findings.length === 0) return `ok    ${check}`;
  return findings.map(({ sentence, cure }) => `FAIL  ${check}: ${sentence}\n      ${cure}`).join('\n');
}
