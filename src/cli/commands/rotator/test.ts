import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { loadHarness, loadRotator } from '../../../config/load-rotator.js';
import { type ObligationReport, renderRotatorReport } from '../../../contract/rotator-report.js';
import { keyturnError } from '../../../core/errors.js';
import { exit } from '../../output.js';
import { withProgress } from '../../progress.js';
import type { Register } from '../../program.js';

interface TestOptions {
  readonly harness?: string;
  readonly report?: string;
}

/** `keyturn rotator test . --harness test/harness.ts` */
export const test: Register = (group, action) =>
  group
    .command('test')
    .description('judge a rotator by every obligation of the contract (exit 0: none is broken)')
    .argument('<rotator>', 'the path of its module or package, or the name of one that is shipped')
    .option(
      '--harness <file>',
      'the module that sets targets up for it; default: test/harness.ts in the folder of the rotator',
    )
    .option('--report <file>', 'write the report there as well, in JSON')
    .action(
      action(async ({ doors, output, args: [path = ''] }, command: Command) => {
        const options = command.opts<TestOptions>();
        const { rotator } = await loadRotator(path);
        const harness = await loadHarness(options.harness ?? defaultHarness(path));
        if (harness.rotator.name !== rotator.name) {
          throw usage(`the harness is of ${harness.rotator.name}, and ${path} is ${rotator.name}`);
        }
        const report = await withProgress(output, `judging ${rotator.name}`, async (say) =>
          doors.judge(harness, { tell: ({ name }: ObligationReport) => say(name) }),
        );
        if (options.report !== undefined) await write(options.report, report);
        output.answer(report, renderRotatorReport(report));
        return report.failed === 0 ? exit.done : exit.failed;
      }),
    );

function defaultHarness(path: string): string {
  const file = ['test/harness.ts', 'test/harness.js'].map((each) => join(path, each)).find((each) => existsSync(each));
  if (file === undefined)
    throw usage('there is no test/harness.ts in the folder of the rotator: name one with --harness');
  return file;
}

async function write(file: string, report: unknown): Promise<void> {
  await writeFile(resolve(file), `${JSON.stringify(report, null, 2)}\n`).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw usage(`the report cannot be written to ${file} (${code})`);
  });
}

const usage = (finding: string): Error => keyturnError('USAGE', { finding, command: 'rotator test' });
