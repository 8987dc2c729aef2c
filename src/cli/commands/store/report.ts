import type { Command } from 'commander';
import { parseDuration } from '../../../config/duration.js';
import { keyturnError } from '../../../core/errors.js';
import { unchangedForMs, unreadForMs } from '../../../core/parameter-age.js';
import type { ParameterUse } from '../../../ports/parameter-use.js';
import { exit } from '../../output.js';
import { pathOf } from '../../parameter-argument.js';
import type { Register } from '../../program.js';
import { withStore } from '../../store-session.js';
import { showTime, table } from '../../table.js';

/** How long is long where nobody says. */
const defaultAge = '90d';

interface ReportOptions {
  readonly env: string;
  readonly path: string;
  /** True: as long as `defaultAge`. */
  readonly unused?: string | true;
  /** True: as long as `--unused`. */
  readonly stale?: string | true;
}

/** `keyturn store report --env prod --unused 90d --stale` */
export const report: Register = (group, action) =>
  group
    .command('report')
    .description('who has read each parameter; with --unused and --stale only those that nobody reads or changes')
    .requiredOption('--env <environment>', 'the environment; there is no default')
    .option('--path <path>', 'what the parameters are below', '/')
    .option('--unused [age]', `nobody has read them for so long: 90d, 12h; default: ${defaultAge}`)
    .option('--stale [age]', 'nobody has changed them for so long; default: the age of --unused')
    .action(
      action(async (call, given: Command) => {
        const options = given.opts<ReportOptions>();
        const { env: environment } = options;
        const path = pathOf(options.path, 'store report');
        const unusedMs = ageOf(options.unused === true ? defaultAge : options.unused, '--unused');
        const staleMs = ageOf(options.stale, '--stale') ?? unusedMs ?? ageOf(defaultAge, '--stale') ?? 0;
        const asked = { unused: options.unused !== undefined, stale: options.stale !== undefined };
        const limits = { unusedMs: unusedMs ?? ageOf(defaultAge, '--unused') ?? 0, staleMs };
        return withStore(call, { environment, action: 'store report', path: null }, async (session) => {
          const managed = await session.open.managed();
          const record = await session.open.uses.below(environment, path, limits.unusedMs);
          await session.looked(null);
          const { nowMs, recordedSinceMs } = record;
          const judged = record.parameters.map((use) => ({
            ...use,
            isManaged: managed.has(use.path),
            isUnused: unreadForMs(use, record) >= limits.unusedMs,
            isStale: unchangedForMs(use, record) >= limits.staleMs,
          }));
          const isMeant = ({ isUnused, isStale }: (typeof judged)[number]): boolean =>
            (!asked.unused && !asked.stale) || (asked.unused && isUnused) || (asked.stale && isStale);
          const parameters = judged.filter(isMeant);
          // What is not on record is not known: nothing is called unused for longer than there is a record.
          const isTooYoung = asked.unused && nowMs - (recordedSinceMs ?? nowMs) < limits.unusedMs;
          if (isTooYoung) {
            const since = recordedSinceMs === null ? 'has not begun' : `begins at ${showTime(recordedSinceMs)}`;
            call.output.warn(`The record of reads ${since}: nothing can be called unused for longer than that.`);
          }
          call.output.answer(
            { environment, path, ...limits, nowMs, recordedSinceMs, parameters },
            parameters.length === 0 ? 'None.' : tableOf(parameters),
          );
          return exit.done;
        });
      }),
    );

function tableOf(
  parameters: readonly (ParameterUse & {
    readonly isManaged: boolean;
    readonly isUnused: boolean;
    readonly isStale: boolean;
  })[],
): string {
  const rows = parameters.map((each) => [
    each.path,
    [...(each.isUnused ? ['unused'] : []), ...(each.isStale ? ['stale'] : [])].join(' ') || '–',
    showTime(each.lastReadAtMs),
    showTime(each.changedAtMs),
    each.labels.map(({ label, version }) => `${label}:${version}`).join(' ') || '–',
    each.readers.map(({ principal, versions }) => `${principal} (${versions.join(' ')})`).join(', ') || '–',
  ]);
  return table([['PARAMETER', 'STATE', 'LAST READ', 'CHANGED', 'LABELS', 'READ BY (VERSIONS)'], ...rows]);
}

function ageOf(text: string | true | undefined, option: string): number | undefined {
  if (text === undefined || text === true) return undefined;
  const ageMs = parseDuration(text);
  if (ageMs === undefined || ageMs === 0) {
    const finding = `${option} expects an age such as 90d or 12h, of at most a year`;
    throw keyturnError('USAGE', { finding, command: 'store report' });
  }
  return ageMs;
}
