import type { Command } from 'commander';
import { keyturnError } from '../../core/errors.js';
import type { Check } from '../doors.js';
import { exit } from '../output.js';
import { withProgress } from '../progress.js';
import type { Register } from '../program.js';
import { type OrphanOptions, orphans } from './orphans.js';

/** `keyturn doctor` */
export const doctor: Register = (program, action) =>
  program
    .command('doctor')
    .description('look for whatever would make a rotation fail, and say what cures it')
    .option(
      '--try-put',
      'put a parameter that nobody reads beside those in SSM, to see whether its key may be used',
      false,
    )
    .option('--orphans', 'list credentials at the targets that carry our tag and that nothing explains', false)
    .option('--env <name>', 'with --orphans: of this environment only')
    .option('--secret <path>', 'with --orphans: of this secret only')
    .option('--destroy <identity>', 'with --orphans: destroy this one; needs --env, --secret, --reason and --yes')
    .option('--reason <text>', 'with --destroy: why; it stands in the audit trail')
    .option('--yes', 'with --destroy: it is meant', false)
    .action(
      action(async ({ doors, where, output }, command: Command) => {
        const options = command.opts<OrphanOptions & { readonly orphans: boolean; readonly tryPut: boolean }>();
        const { tryPut } = options;
        if (options.orphans && tryPut)
          throw keyturnError('USAGE', {
            finding: '--try-put and --orphans ask for different things',
            command: 'doctor',
          });
        if (options.orphans) return orphans({ doors, where, output }, options);
        const stray = (['env', 'secret', 'destroy', 'reason', 'yes'] as const).find((each) => options[each]);
        if (stray !== undefined)
          throw keyturnError('USAGE', { finding: `--${stray} says nothing without --orphans`, command: 'doctor' });
        const checks = await withProgress(output, 'examining', async (say) => {
          const done: Check[] = [];
          for await (const check of doors.examine(where, { tryPut })) {
            say(check.check);
            done.push(check);
          }
          return done;
        });
        const isWell = checks.every(({ findings }) => findings.length === 0);
        output.answer({ isWell, checks }, checks.map(textOf).join('\n'));
        if (isWell) return exit.done;
        return checks.some(({ isUnreadable }) => isUnreadable === true) ? exit.usage : exit.failed;
      }),
    );

function textOf({ check, findings, skipped }: Check): string {
  if (skipped !== undefined) return `skip  ${check}: ${skipped}`;
  if (findings.length === 0) return `ok    ${check}`;
  return findings.map(({ sentence, cure }) => `FAIL  ${check}: ${sentence}\n      ${cure}`).join('\n');
}
