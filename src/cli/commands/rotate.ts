import type { Command } from 'commander';
import { claimsFor, planFor, secretOf } from '../../config/plan.js';
import { isKeyturnError, keyturnError } from '../../core/errors.js';
import type { Accepted } from '../../ports/journal.js';
import { follow } from '../follow.js';
import { exit, exitCodeOf } from '../output.js';
import { withProgress } from '../progress.js';
import type { Register } from '../program.js';
import { timelineOf } from '../timeline.js';

interface RotateOptions {
  readonly env: string;
  readonly reason: string;
  readonly repair: boolean;
  readonly exposed: boolean;
  readonly wait: boolean;
}

/** `keyturn rotate /demo/billing/db --env demo --reason "…"` */
export const rotate: Register = (program, action) =>
  program
    .command('rotate')
    .description('rotate one secret now')
    .argument('<path>', 'the secret, for example /demo/billing/db')
    .requiredOption('--env <environment>', 'the environment it belongs to; there is no default')
    .requiredOption('--reason <text>', 'why; it stands in the journal')
    .option('--repair', 'a current credential that is already refused is no reason to stop', false)
    .option(
      '--exposed',
      'strangers have the current credential: secret.exposed tells so, and after the promotion only a person turns back to it',
      false,
    )
    .option('--wait', 'stay until it ends or parks', false)
    .action(
      action(async ({ doors, where, output, args }, command: Command) => {
        const [path = ''] = args;
        const options = command.opts<RotateOptions>();
        if (options.reason.trim() === '')
          throw keyturnError('USAGE', { finding: '--reason is empty', command: 'rotate' });
        const config = await doors.config(where);
        const secret = secretOf(config, options.env, path);
        const state = await doors.state(where);
        try {
          const plan = planFor({
            config,
            environment: options.env,
            path,
            rotationId: state.newRotationId(),
            trigger: 'demand',
            reason: options.reason,
            requestedBy: doors.principal,
            repair: options.repair,
            exposed: options.exposed,
          });
          const rotationId = acceptedId(await state.accept(plan, claimsFor(secret)), secret.id);
          await state.ring(rotationId).catch((error: unknown) => {
            if (!isKeyturnError(error) || error.code !== 'QUEUE_UNAVAILABLE') throw error;
            output.warn(
              'QUEUE_UNAVAILABLE: the queue is not reachable. The rotation is written down; a worker finds it within 30 s.',
            );
          });
          if (!options.wait) {
            output.answer(
              { rotationId, secret: secret.id },
              `${rotationId}\nFollow it with: keyturn follow ${rotationId}`,
            );
            return exit.done;
          }
          const row = await withProgress(output, `rotating ${secret.id} (${rotationId})`, async (say) => {
            let lineOf: ReturnType<typeof timelineOf> | undefined;
            return follow(rotationId, {
              views: state.views,
              terminal: doors.terminal,
              show: (event) => {
                lineOf ??= timelineOf(event.atMs);
                const line = lineOf(event);
                if (line === undefined) return;
                if (output.isInteractive) say(line);
                else output.line(line);
              },
            });
          });
          output.answer(row, `${rotationId} ${row.status}${row.code === null ? '' : ` (${row.code})`}`);
          return exitCodeOf(row.status) ?? exit.failed;
        } finally {
          await state.close();
        }
      }),
    );

function acceptedId(accepted: Accepted, secret: string): string {
  switch (accepted.kind) {
    case 'accepted':
      return accepted.rotationId;
    case 'open':
      throw keyturnError('ROTATION_OPEN', { secret, rotation: accepted.rotationId });
    case 'claimed':
      throw keyturnError('PRINCIPAL_BUSY', { rotation: accepted.rotationId, key: accepted.key });
    default:
      return accepted satisfies never;
  }
}
