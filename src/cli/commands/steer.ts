import type { Command } from 'commander';
import { secretOf } from '../../config/plan.js';
import { keyturnError } from '../../core/errors.js';
import type { Status } from '../../core/rotation.js';
import type { CommandKind } from '../../core/rotation-event.js';
import { findRotation, follow } from '../follow.js';
import { exit, exitCodeOf } from '../output.js';
import type { Register } from '../program.js';
import { timelineOf } from '../timeline.js';

interface SteerOptions {
  readonly reason: string;
  readonly wait: boolean;
}

/** `keyturn cancel <rotation>` */
export const cancel = steer('cancel', 'turn an open rotation back; refused once the old credential is to be destroyed');

/** `keyturn resume <rotation>` */
export const resume = steer('resume', 'let a parked rotation go on');

/** `keyturn rollback <rotation>` */
export const rollback = steer('rollback', 'turn a parked or open rotation back to the old credential');

const waitHelp: Readonly<Record<CommandKind, string>> = {
  cancel: 'stay until it ends or parks (exit 0 turned back, 1 completed, 3 parked)',
  resume: 'stay until it ends or parks (exit 0 completed, 1 rolled back, 3 parked)',
  rollback: 'stay until it ends or parks (exit 0 turned back, 1 completed, 3 parked)',
};

function steer(kind: CommandKind, description: string): Register {
  return (program, action) =>
    program
      .command(kind)
      .description(description)
      .argument('<rotation>', 'its id or the beginning of it')
      .option('--reason <text>', 'why; it stands in the journal', '')
      .option('--wait', waitHelp[kind], false)
      .action(
        action(async ({ doors, where, output, args }, command: Command) => {
          const [rotation = ''] = args;
          const { reason, wait } = command.opts<SteerOptions>();
          const state = await doors.state(where);
          try {
            const { rotationId, requestedAtMs } = await findRotation(state.views, rotation);
            const before = (await state.views.events(rotationId, 0)).at(-1)?.seq ?? 0;
            await state.operations.command({ rotationId, kind, by: doors.principal, reason });
            if (!wait) {
              output.answer({ rotationId, command: kind }, `${kind} is written down for ${rotationId}.`);
              return exit.done;
            }
            const lineOf = timelineOf(requestedAtMs);
            const row = await follow(rotationId, {
              views: state.views,
              terminal: doors.terminal,
              afterSeq: before,
              show: (event) => {
                const line = lineOf(event);
                if (line !== undefined) output.line(line);
              },
            });
            output.answer(row, `${rotationId} ${row.status}`);
            return (kind === 'resume' ? exitCodeOf(row.status) : turnedBackCodeOf(row.status)) ?? exit.failed;
          } finally {
            await state.close();
          }
        }),
      );
}

/** Who turns a rotation back has got what was asked for where it was turned back, and not where it completed first. */
function turnedBackCodeOf(status: Status): number | undefined {
  switch (status) {
    case 'rolled_back':
    case 'cancelled':
      return exit.done;
    case 'completed':
      return exit.failed;
    case 'parked':
    case 'running':
    case 'rolling_back':
      return exitCodeOf(status);
    default:
      return status satisfies never;
  }
}

interface HoldOptions {
  readonly env: string;
  readonly reason?: string;
  readonly release: boolean;
}

/** `keyturn hold /demo/billing/db --env demo --reason "…"`, `--release` */
export const hold: Register = (program, action) =>
  program
    .command('hold')
    .description('nothing of this secret is disabled or destroyed until the hold is released')
    .argument('<path>', 'the secret')
    .requiredOption('--env <environment>', 'the environment it belongs to; there is no default')
    .option('--reason <text>', 'why; needed to put a hold')
    .option('--release', 'take the hold away', false)
    .action(
      action(async ({ doors, where, output, args }, command: Command) => {
        const [path = ''] = args;
        const options = command.opts<HoldOptions>();
        const by = doors.principal;
        if (!options.release && (options.reason ?? '').trim() === '') {
          throw keyturnError('USAGE', { finding: 'a hold needs --reason', command: 'hold' });
        }
        const config = await doors.config(where);
        const declared = secretOf(config, options.env, path);
        const secret = declared.id;
        const state = await doors.state(where);
        try {
          if (options.release) {
            await state.operations.release({ secret, by, reason: options.reason ?? '' });
            output.answer({ secret, held: false }, `The hold on ${secret} is released.`);
            return exit.done;
          }
          const answer = await state.hold(declared, { by, reason: options.reason ?? '' });
          output.answer(
            { secret, held: true, ...answer },
            answer.kind === 'held'
              ? `${secret} is held.`
              : `${secret} is held, but ${answer.step} of rotation ${answer.rotationId} was in flight; destroying is stopped.`,
          );
          return exit.done;
        } finally {
          await state.close();
        }
      }),
    );

/** `keyturn restored` */
export const restored: Register = (program, action) =>
  program
    .command('restored')
    .description('say that the state database was restored or moved, and that no other installation is alive')
    .option('--reason <text>', 'what happened; it stands in the audit trail', 'restored or moved')
    .action(
      action(async ({ doors, where, output }, command: Command) => {
        const { reason } = command.opts<{ readonly reason: string }>();
        const state = await doors.state(where, { acceptMoved: true });
        try {
          const { era } = await state.operations.restored({ by: doors.principal, reason });
          output.answer({ era }, `Era ${era} begins. Every open rotation is settled before it goes on.`);
          return exit.done;
        } finally {
          await state.close();
        }
      }),
    );
