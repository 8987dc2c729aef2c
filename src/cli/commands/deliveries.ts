import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { environmentOf } from '../../config/plan.js';
import { keyturnError } from '../../core/errors.js';
import type { DeliveryDetail, DeliveryLog, DeliveryRow } from '../../ports/delivery-log.js';
import type { Terminal } from '../doors.js';
import { findRotation, pollMs } from '../follow.js';
import { numberOf } from '../number-option.js';
import { exit } from '../output.js';
import type { Register } from '../program.js';
import { plain, showDuration, showTime, table } from '../table.js';

interface ListOptions {
  readonly env?: string;
  readonly endpoint?: string;
  readonly rotation?: string;
  readonly undelivered: boolean;
  readonly limit: string;
}

/** `keyturn deliveries list|show|redeliver|ping` */
export const deliveries: Register = (program, action) => {
  const group = program
    .command('deliveries')
    .description('webhooks: which arrived, which did not, and sending one again');
  group
    .command('list')
    .description('webhooks, the newest first')
    .option('--env <environment>', 'of this environment only')
    .option('--endpoint <name>', 'to this endpoint only')
    .option('--rotation <rotation>', 'about this rotation only: its id or the beginning of it')
    .option('--undelivered', 'only those that have not arrived', false)
    .option('--limit <count>', 'at most so many', '20')
    .action(
      action(async ({ doors, where, output }, command: Command) => {
        const { env, endpoint, rotation, undelivered, limit: limitText } = command.opts<ListOptions>();
        const limit = numberOf(limitText, { name: '--limit', min: 1, max: 100_000, command: 'deliveries list' });
        if (env !== undefined) environmentOf(await doors.config(where), env);
        const state = await doors.state(where);
        try {
          const rotationId =
            rotation === undefined ? undefined : (await findRotation(state.views, rotation)).rotationId;
          const rows = await state.deliveries.list({
            ...(env === undefined ? {} : { environment: env }),
            ...(endpoint === undefined ? {} : { endpoint }),
            ...(rotationId === undefined ? {} : { rotationId }),
            undelivered,
            limit,
          });
          output.answer(rows, rows.length === 0 ? 'There is no such webhook.' : listTable(rows));
          return exit.done;
        } finally {
          await state.close();
        }
      }),
    );
  group
    .command('show')
    .description('one webhook: what is sent, and every try')
    .argument('<webhook>', 'its id, as `deliveries list` shows it')
    .action(
      action(async ({ doors, where, output, args }) => {
        const [deliveryId = ''] = args;
        const state = await doors.state(where);
        try {
          const found = await state.deliveries.find(deliveryId);
          if (found === null) throw keyturnError('UNKNOWN_DELIVERY', { delivery: deliveryId });
          output.answer(found, detailText(found));
          return exit.done;
        } finally {
          await state.close();
        }
      }),
    );
  group
    .command('redeliver')
    .description('send a webhook again; an endpoint that had said it was gone, or rests, is spoken to again')
    .argument('<webhook>', 'its id, as `deliveries list` shows it')
    .requiredOption('--reason <text>', 'why; it stands in the audit trail')
    .action(
      action(async ({ doors, where, output, args }, command: Command) => {
        const [deliveryId = ''] = args;
        const { reason } = command.opts<{ readonly reason: string }>();
        if (reason.trim() === '')
          throw keyturnError('USAGE', { finding: '--reason says why, in words', command: 'deliveries redeliver' });
        const state = await doors.state(where);
        try {
          await state.deliveries.redeliver({ deliveryId, by: doors.principal, reason });
          output.answer({ deliveryId, due: true }, `${plain(deliveryId)} is due now, and a worker sends it.`);
          return exit.done;
        } finally {
          await state.close();
        }
      }),
    );
  group
    .command('ping')
    .description('send an endpoint a webhook of type test.ping, and say what it answered')
    .argument('<endpoint>', 'its name')
    .requiredOption('--env <environment>', 'the environment it is declared in')
    .option('--wait <seconds>', 'for its answer', '30')
    .action(
      action(async ({ doors, where, output, args }, command: Command) => {
        const [endpoint = ''] = args;
        const { env: environment, wait } = command.opts<{ readonly env: string; readonly wait: string }>();
        const waitS = numberOf(wait, { name: '--wait', min: 0, max: 3600, command: 'deliveries ping' });
        const known = environmentOf(await doors.config(where), environment).webhooks.map(({ name }) => name);
        if (!known.includes(endpoint))
          throw keyturnError('UNKNOWN_ENDPOINT', {
            environment,
            endpoint,
            known: known.join(', ') || 'none is declared',
          });
        const state = await doors.state(where);
        try {
          const deliveryId = await state.deliveries.ping({ environment, endpoint, by: doors.principal });
          const found = await triedOnce(state.deliveries, deliveryId, {
            waitMs: waitS * 1000,
            terminal: doors.terminal,
          });
          output.answer(found, pingText(found));
          return found.attempts[0]?.outcome === 'delivered' ? exit.done : exit.failed;
        } finally {
          await state.close();
        }
      }),
    );
  return group;
};

/** Waits until a webhook was tried, but no longer than that. */
async function triedOnce(
  deliveries: DeliveryLog,
  deliveryId: string,
  { waitMs, terminal }: { readonly waitMs: number; readonly terminal: Terminal },
): Promise<DeliveryDetail> {
  const beganMs = performance.now();
  for (;;) {
    const found = await deliveries.find(deliveryId);
    if (found === null) throw keyturnError('UNKNOWN_DELIVERY', { delivery: deliveryId });
    const isOver = found.attempts.length > 0 || terminal.interrupted.aborted || performance.now() - beganMs >= waitMs;
    if (isOver) return found;
    await delay(pollMs, undefined, { signal: terminal.interrupted }).catch(() => {});
  }
}

function pingText(found: DeliveryDetail): string {
  const name = `${plain(found.endpoint)} of ${plain(found.environment)}`;
  const [tried] = found.attempts;
  if (tried === undefined) {
    return `Nobody has sent ${plain(found.deliveryId)} to ${name} yet: is a worker running? See \`keyturn deliveries show\`.`;
  }
  const answer = tried.status === null ? (tried.reason ?? 'no answer') : `${tried.status}`;
  const how = `${answer} in ${showDuration(tried.latencyMs)}`;
  return tried.outcome === 'delivered' ? `${name} took it: ${how}.` : `${name} did not take it: ${how}.`;
}

function listTable(rows: readonly DeliveryRow[]): string {
  const lines = rows.map((each) => [
    each.deliveryId,
    showTime(each.createdAtMs),
    each.type,
    each.secret ?? '',
    each.endpoint,
    stateText(each),
  ]);
  return table([['WEBHOOK', 'MADE', 'TYPE', 'ABOUT', 'ENDPOINT', 'STATE'], ...lines]);
}

const silencedText = {
  gone: 'says it is gone',
  undeclared: 'is declared no more',
  resting: 'failed again and again, and rests',
} as const;

function stateText({ outcome, attempt, status, latencyMs, nextAtMs, silenced }: DeliveryRow): string {
  const tries = attempt === 1 ? '1 try' : `${attempt} tries`;
  const answer = status === null ? 'no answer' : `${status}`;
  switch (outcome) {
    case 'delivered':
      return `arrived, ${answer} in ${showDuration(latencyMs ?? 0)}, ${tries}`;
    case 'failed':
      return `given up after ${tries}, ${answer}`;
    case 'gone':
      return 'the endpoint says it is gone';
    case null:
      if (silenced !== null) return `waits: its endpoint ${silencedText[silenced]}`;
      if (attempt === 0) return 'to be sent';
      return latencyMs === null ? 'under way' : `${answer} after ${tries}; tried again at ${showTime(nextAtMs)}`;
    default:
      return outcome satisfies never;
  }
}

function detailText(found: DeliveryDetail): string {
  const head = table([
    ['webhook', found.deliveryId],
    ['webhook-id', found.webhookId],
    ['type', found.type],
    ...(found.secret === null ? [] : [['about', found.secret]]),
    ...(found.rotationId === null ? [] : [['rotation', found.rotationId]]),
    ['endpoint', `${found.endpoint} of ${found.environment}`],
    ['state', stateText(found)],
    ['body', found.body],
  ]);
  if (found.attempts.length === 0) return head;
  const tries = found.attempts.map(({ atMs, status, reason, latencyMs }) => [
    showTime(atMs),
    status === null ? (reason ?? 'no answer') : `${status}`,
    showDuration(latencyMs),
  ]);
  return `${head}\n\n${table([['TRIED', 'ANSWER', 'TOOK'], ...tries])}`;
}
