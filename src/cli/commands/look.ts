import type { Command } from 'commander';
import type { Recorded } from '../../core/rotation-event.js';
import type { RotationRow, SecretRow } from '../../ports/operations.js';
import type { SecretConfig } from '../../config/config.js';
import { environmentOf, secretOf } from '../../config/plan.js';
import { cureOf, keyturnError, parkedCureOf, sentenceOf } from '../../core/errors.js';
import type { Doors, Where } from '../doors.js';
import { findRotation, follow } from '../follow.js';
import { type Outlook, type Wait, outlookOf } from '../outlook.js';
import { numberOf } from '../number-option.js';
import { exit, exitCodeOf } from '../output.js';
import type { Register } from '../program.js';
import { showDuration, showTime, table } from '../table.js';
import { timelineOf } from '../timeline.js';

interface LookOptions {
  readonly env?: string;
  readonly limit: string;
}

/** `keyturn status`, `keyturn status <rotation>`, `keyturn status /path --env demo` */
export const status: Register = (program, action) =>
  program
    .command('status')
    .description('all secrets, or one rotation')
    .argument('[rotation-or-path]', 'its id or the beginning of it, or a secret (with --env): its newest rotation')
    .option('--env <environment>', 'only the secrets of this environment')
    .action(
      action(async ({ doors, where, output, args }, command: Command) => {
        const [subject] = args;
        const { env } = command.opts<LookOptions>();
        if (subject === undefined && env !== undefined) environmentOf(await doors.config(where), env);
        const named = await secretNamed(subject, { doors, where, env, command: 'status' });
        const state = await doors.state(where);
        try {
          if (subject === undefined) {
            const rows = await state.views.secrets(env);
            output.answer(rows, secretsTable(rows));
            return exit.done;
          }
          const row =
            named === undefined
              ? await findRotation(state.views, subject)
              : (await state.views.rotations({ secret: named.id, limit: 1 }))[0];
          if (row === undefined) {
            const begin = `keyturn rotate ${subject} --env ${env} --reason "…"`;
            output.answer(null, `${subject} has not been rotated yet. Its first rotation: ${begin}`);
            return exit.done;
          }
          const lease = await state.views.leaseHolder(row.secret);
          const events = await state.views.events(row.rotationId, 0);
          const [environment = ''] = row.secret.split(':');
          const secret = (await state.views.secrets(environment)).find((each) => each.secret === row.secret);
          const heldBecause = secret?.held === true ? (secret.heldBecause ?? '') : null;
          const waivers = await state.views.waivers(row.rotationId);
          const outlook = outlookOf(events, { isHeld: heldBecause !== null, waivers });
          output.answer(
            { ...row, lease, heldBecause, ...outlook },
            rotationText({ row, lease, events, heldBecause, outlook }),
          );
          return exit.done;
        } finally {
          await state.close();
        }
      }),
    );

/** `keyturn history`, `keyturn history /path --env demo`, `keyturn history <rotation>` */
export const history: Register = (program, action) =>
  program
    .command('history')
    .description('rotations, newest first, or the events of one')
    .argument('[rotation-or-path]', 'a rotation, or a secret (with --env)')
    .option('--env <environment>', 'only this environment')
    .option('--limit <count>', 'at most so many rotations', '20')
    .action(
      action(async ({ doors, where, output, args }, command: Command) => {
        const [subject] = args;
        const { env, limit: limitText } = command.opts<LookOptions>();
        const limit = numberOf(limitText, { name: '--limit', min: 1, max: 100_000, command: 'history' });
        const secret = await secretNamed(subject, { doors, where, env, command: 'history' });
        if (secret === undefined && env !== undefined) environmentOf(await doors.config(where), env);
        const state = await doors.state(where);
        try {
          if (subject !== undefined && secret === undefined) {
            const row = await findRotation(state.views, subject);
            const events = await state.views.events(row.rotationId, 0);
            output.answer({ ...row, events }, timeline(events));
            return exit.done;
          }
          const rows = await state.views.rotations({
            limit,
            ...(secret !== undefined ? { secret: secret.id } : env !== undefined ? { environment: env } : {}),
          });
          output.answer(rows, rotationsTable(rows));
          return exit.done;
        } finally {
          await state.close();
        }
      }),
    );

/** `keyturn follow <rotation>` */
export const followCommand: Register = (program, action) =>
  program
    .command('follow')
    .description('the timeline of a rotation, live, until it ends or parks (exit 0 completed, 1 rolled back, 3 parked)')
    .argument('<rotation>', 'its id or the beginning of it')
    .action(
      action(async ({ doors, where, output, args }) => {
        const [rotation = ''] = args;
        const state = await doors.state(where);
        try {
          const found = await findRotation(state.views, rotation);
          const lineOf = timelineOf(found.requestedAtMs);
          const row = await follow(found.rotationId, {
            views: state.views,
            terminal: doors.terminal,
            show: (event) => output.answer(event, lineOf(event) ?? ''),
          });
          return exitCodeOf(row.status) ?? exit.failed;
        } finally {
          await state.close();
        }
      }),
    );

/** The secret where a path is named. *Returns* undefined for anything else. *Errors* `USAGE`, and those of the configuration. */
async function secretNamed(
  subject: string | undefined,
  asked: {
    readonly doors: Doors;
    readonly where: Where;
    readonly env: string | undefined;
    readonly command: 'status' | 'history';
  },
): Promise<SecretConfig | undefined> {
  if (subject?.startsWith('/') !== true) return undefined;
  const { doors, where, env, command } = asked;
  const finding = 'a path needs --env: the same path may stand in several environments';
  if (env === undefined) throw keyturnError('USAGE', { finding, command });
  return secretOf(await doors.config(where), env, subject);
}

function secretsTable(rows: readonly SecretRow[]): string {
  if (rows.length === 0) return 'No secrets yet. Declare one in keyturn.config.ts and start a worker.';
  return table([
    ['SECRET', 'TARGET', 'CURRENT', 'LAST ROTATED', 'NEXT DUE', 'OPEN ROTATION', 'HOLD'],
    ...rows.map((row) => [
      row.secret,
      row.target,
      row.currentVersion === null ? '–' : String(row.currentVersion),
      showTime(row.lastRotatedAtMs),
      showTime(row.nextDueAtMs),
      row.openRotation === null
        ? '–'
        : `${row.openRotation}${row.openStatus === 'running' ? '' : ` (${row.openStatus})`}`,
      row.held ? (row.heldBecause ?? 'held') : '–',
    ]),
  ]);
}

function rotationsTable(rows: readonly RotationRow[]): string {
  if (rows.length === 0) return 'No rotations yet.';
  return table([
    ['ROTATION', 'SECRET', 'STATUS', 'STEP', 'CODE', 'REQUESTED', 'CLOSED', 'BY', 'REASON'],
    ...rows.map((row) => [
      row.rotationId,
      row.secret,
      row.status,
      row.step,
      row.code ?? '–',
      showTime(row.requestedAtMs),
      showTime(row.closedAtMs),
      row.requestedBy,
      row.reason,
    ]),
  ]);
}

function rotationText(shown: {
  readonly row: RotationRow;
  readonly lease: { readonly holder: string; readonly epoch: number; readonly expiresInMs: number } | null;
  readonly events: readonly Recorded[];
  readonly heldBecause: string | null;
  readonly outlook: Outlook;
}): string {
  const { row, lease, events, heldBecause, outlook } = shown;
  const because = events
    .map(({ event }) => event)
    .findLast((event) => event.kind === 'Parked' || event.kind === 'RollbackDecided');
  return table([
    ['rotation', row.rotationId],
    ['secret', row.secret],
    ['workflow', `${row.workflow} ${row.workflowNumber}`],
    ['status', row.status],
    ['step', row.step],
    ['requested', `${showTime(row.requestedAtMs)} by ${row.requestedBy}: ${row.reason}`],
    ['closed', showTime(row.closedAtMs)],
    ['at work', lease === null ? 'nobody' : `${lease.holder} (epoch ${lease.epoch})`],
    ...(row.code === null ? [] : [['because', row.code]]),
    ...((row.status === 'parked' || row.status === 'rolled_back') && because !== undefined
      ? [
          ['what', sentenceOf(because.code, because.facts)],
          ['what to do', (row.status === 'parked' ? parkedCureOf : cureOf)(because.code, because.facts)],
        ]
      : []),
    ...(outlook.waits === null ? [] : [['waits', waitText(outlook.waits)]]),
    ...(isExposed(events) ? [['exposed', 'strangers have the old credential: only you turn back to it']] : []),
    ...(heldBecause === null ? [] : [['hold', heldBecause]]),
    ...outlook.commands.map((command, index) => [index === 0 ? 'commands' : '', command]),
  ]);
}

function isExposed([first]: readonly Recorded[]): boolean {
  return first?.event.kind === 'RotationRequested' && first.event.plan.exposed === true;
}

function waitText({ why, sinceMs, untilMs, limit }: Wait): string {
  if (untilMs !== null) return `${why}; tried again at ${showTime(untilMs)}`;
  const since = `${why}, since ${showTime(sinceMs)}`;
  if (limit === null) return since;
  return `${since}; ${limit.then} at ${showTime(limit.atMs)} (${limit.setting} ${showDuration(limit.maxMs)})`;
}

function timeline(events: readonly Recorded[]): string {
  const lineOf = timelineOf(events[0]?.atMs ?? 0);
  return events.flatMap((event) => lineOf(event) ?? []).join('\n');
}
