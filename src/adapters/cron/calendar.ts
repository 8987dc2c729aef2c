import { CronExpressionParser } from 'cron-parser';
import { keyturnError } from '../../core/errors.js';
import type { Calendar } from '../../ports/operations.js';

/** Minute to weekday. The parser would take fewer and guess the rest, and six with the seconds first. */
const FIELDS = 5;
const ALIASES = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@hourly'];

/**
 * The calendar on cron-parser.
 *
 * A schedule fires by the clock on the wall of its zone. Where that clock skips an hour, a time inside the gap fires as
 * much later as the clock was put forward (02:30 fires at 03:30); where it repeats an hour, a daily time fires once, at
 * the first of the two, and an hourly one each hour. Known weakness of the parser: a time inside a gap of half an hour
 * (Lord Howe Island) is passed over on that day.
 */
export function calendar(): Calendar {
  return { next };
}

function next(cron: string, timezone: string, afterMs: number): number {
  const problem = problemOf(cron, timezone);
  if (problem !== undefined) throw invalid(problem);
  try {
    return CronExpressionParser.parse(cron, { currentDate: new Date(afterMs), tz: timezone })
      .next()
      .getTime();
  } catch (error) {
    throw invalid(`schedule: '${cron}' does not name a time that comes`, error);
  }
}

function problemOf(cron: string, timezone: string): string | undefined {
  const fields = cron.trim().split(/\s+/);
  const isAlias = fields.length === 1 && ALIASES.includes(cron.trim());
  if (!isAlias && fields.length !== FIELDS) return `schedule: '${cron}' does not have five fields`;
  // `H` stands for a random value, another one at every call.
  if (fields.some((field) => /(^|[,/-])H/i.test(field) && !isAlias)) return `schedule: '${cron}' uses H`;
  if (!isZone(timezone)) return `timezone: '${timezone}' is not an IANA time zone`;
  return undefined;
}

/** Names only: an offset such as `+02:00` knows no summer time. */
function isZone(timezone: string): boolean {
  if (!/^[A-Za-z]/.test(timezone)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
    return true;
  } catch {
    return false;
  }
}

function invalid(problem: string, cause?: unknown) {
  return keyturnError('CONFIG_INVALID', { file: 'of a schedule', count: 1, problems: problem }, cause);
}
