const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** As long as a wait can sensibly be: a year and a day. */
const maxMs = 366 * 86_400_000;

/**
 * Reads `500ms`, `30s`, `15m`, `2h` or `7d` as milliseconds.
 *
 * *Returns* `undefined` for anything else, and for what is longer than a year.
 */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) return undefined;
  const ms = Number(count) * (unitsMs[unit] ?? Number.NaN);
  return ms <= maxMs ? ms : undefined;
}
