import type { Command } from 'commander';
import type { SecretConfig } from '../../config/config.js';
import { environmentOf } from '../../config/plan.js';
import { keyturnError } from '../../core/errors.js';
import { fold, stepState } from '../../core/rotation.js';
import type { Recorded } from '../../core/rotation-event.js';
import type { ConsumerStanding } from '../consumer-standing.js';
import { consumersOf } from '../consumer-standing.js';
import { findRotation } from '../follow.js';
import { exit } from '../output.js';
import type { Register } from '../program.js';
import { plain, showDuration, showTime, table } from '../table.js';

/** `keyturn consumers list|show|waive` */
export const consumers: Register = (program, action) => {
  const group = program.command('consumers').description('who reads the secrets, and who has proved what it holds');
  group
    .command('list')
    .description('the consumers that the configuration declares')
    .option('--env <environment>', 'of this environment only')
    .action(
      action(async ({ doors, where, output }, command: Command) => {
        const { env } = command.opts<{ readonly env?: string }>();
        const config = await doors.config(where);
        const environments = env === undefined ? Object.values(config.environments) : [environmentOf(config, env)];
        const declared = environments.flatMap(({ secrets }) => Object.values(secrets).flatMap(declaredOf));
        const rows = declared.map((each) => [
          each.secret,
          each.consumer,
          each.owner ?? '–',
          each.canary ? 'tries first' : '',
          each.required ? 'must prove' : '',
          each.instances === null ? '' : String(each.instances),
          each.cacheTtlMs === 0 ? '–' : showDuration(each.cacheTtlMs),
          each.url ?? 'is not asked',
        ]);
        const heading = ['SECRET', 'CONSUMER', 'OWNER', 'CANARY', 'REQUIRED', 'INSTANCES', 'CACHE', 'ADDRESS'];
        output.answer(declared, rows.length === 0 ? 'No consumer is declared.' : table([heading, ...rows]));
        return exit.done;
      }),
    );
  group
    .command('show')
    .description('what the consumers of a rotation have said, and how long after the promotion they proved it')
    .argument('<rotation>', 'its id or the beginning of it')
    .action(
      action(async ({ doors, where, output, args }) => {
        const [rotation = ''] = args;
        const state = await doors.state(where);
        try {
          const { rotationId } = await findRotation(state.views, rotation);
          const events = await state.views.events(rotationId, 0);
          const standing = consumersOf(events, await state.views.waivers(rotationId));
          output.answer(standing, standing.length === 0 ? 'It has no consumers.' : standingTable(standing));
          return exit.done;
        } finally {
          await state.close();
        }
      }),
    );
  group
    .command('waive')
    .description('accept for one rotation that a required consumer has not proved; its name and yours are written down')
    .argument('<rotation>', 'its id or the beginning of it')
    .argument('<consumer>', 'the name of the consumer')
    .requiredOption('--reason <text>', 'why it is safe to go on without its proof; it stands in the audit trail')
    .action(
      action(async ({ doors, where, output, args }, command: Command) => {
        const [rotation = '', consumer = ''] = args;
        const { reason } = command.opts<{ readonly reason: string }>();
        if (reason.trim() === '')
          throw keyturnError('USAGE', { finding: '--reason says why, in words', command: 'consumers waive' });
        const state = await doors.state(where);
        try {
          const { rotationId, status } = await findRotation(state.views, rotation);
          const events = await state.views.events(rotationId, 0);
          const known = consumersOf(events, []).filter(({ required }) => required);
          const waived = known.find((each) => each.consumer === consumer);
          if (waived === undefined) {
            const names = known.length === 0 ? 'it has none' : known.map((each) => each.consumer).join(', ');
            throw keyturnError('UNKNOWN_CONSUMER', { rotation: rotationId, consumer, known: names });
          }
          await state.operations.waive({ rotationId, consumer, by: doors.principal, reason });
          const text = [
            `Once promoted, rotation ${rotationId} waits for no proof from ${plain(consumer)}; a refusal still turns it back.`,
            ...(waived.canary && hasCanaryAhead(events)
              ? ['A waiver counts for drain only: the canary waits for the same as before, and without it turns back.']
              : []),
            ...(status === 'parked' ? [`It is parked: keyturn resume ${rotationId}`] : []),
          ].join(' ');
          output.answer({ rotationId, consumer, waived: true }, text);
          return exit.done;
        } finally {
          await state.close();
        }
      }),
    );
  return group;
};

/** True where a rotation goes forward and its canary has not passed. */
function hasCanaryAhead(events: readonly Recorded[]): boolean {
  const state = fold(events);
  if (state.decision !== null || state.plan.workflow.name === 'in-place-rotation') return false;
  return stepState(state, 'canary').phase !== 'done';
}

const declaredOf = ({ id, consumers: declared }: SecretConfig) =>
  declared.map(({ name, url, canary, required, cacheTtlMs, instances = null, owner = null }) => ({
    secret: id,
    consumer: name,
    owner,
    canary,
    required,
    instances,
    cacheTtlMs,
    url,
  }));

function standingTable(standing: readonly ConsumerStanding[]): string {
  const rows = standing.flatMap((each) => {
    const role = [...(each.canary ? ['canary'] : []), ...(each.required ? ['required'] : [])].join(', ');
    const waived = each.waiver === null ? '' : `by ${each.waiver.by}: ${each.waiver.reason}`;
    const instances = each.instances.length === 0 ? [null] : each.instances;
    return instances.map((one, index) => [
      index === 0 ? each.consumer : '',
      index === 0 ? (each.owner ?? '–') : '',
      index === 0 ? role : '',
      one?.instance ?? '–',
      one === null ? 'not heard of yet' : one.answer,
      one === null ? '–' : showTime(one.sinceMs),
      one?.propagationMs === null || one === null ? '–' : showDuration(one.propagationMs),
      one?.reason ?? '',
      index === 0 ? waived : '',
    ]);
  });
  return table([['CONSUMER', 'OWNER', 'IS', 'INSTANCE', 'SAYS', 'SINCE', 'AFTER', 'REASON', 'WAIVED'], ...rows]);
}
