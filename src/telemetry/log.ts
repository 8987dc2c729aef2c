import type { DestinationStream } from 'pino';
import { pino } from 'pino';
import type { Scrubber } from '../core/scrub.js';
import { printable, printableText } from './printable.js';

/** The levels there are: a rotation moved, it will be tried again, a person is needed, everything else. */
export type LogLevel = 'info' | 'warn' | 'error' | 'debug';

/** A logger as it is passed in. Messages are constant; what differs stands in the fields. */
export type Log = Readonly<Record<LogLevel, (facts: object, message: string) => void>> & {
  /** A logger whose every line carries these fields. */
  readonly child: (facts: object) => Log;
};

/** What a log is made with. */
export interface LogOptions {
  /** The least that is written. Default `info`. */
  readonly level?: LogLevel;
  /** Where lines go. Default: stdout. */
  readonly stream?: DestinationStream;
  /** Values that must not leave in a line even as part of a text. Default: none are known. */
  readonly seen?: Pick<Scrubber, 'text'>;
}

/**
 * Writes one JSON line per call: level by name, time in ISO 8601, message, fields.
 *
 * Three nets: a `Secret` prints as `[secret]`; fields are made into plain data, with names like `password` redacted and
 * errors without stack; the finished line is searched for the values in `seen`.
 */
export function createLog({ level = 'info', stream, seen }: LogOptions = {}): Log {
  const log = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: seen === undefined ? {} : { streamWrite: (line) => seen.text(line) },
    },
    stream ?? pino.destination({ fd: 1, sync: true }),
  );
  return wrap(log);
}

/** Lines are made plain before pino sees them: pino alone would print what errors, getters and `toJSON` carry. */
function wrap(log: pino.Logger): Log {
  const write =
    (level: LogLevel) =>
    (facts: object, message: string): void => {
      if (log.isLevelEnabled(level)) log[level](fieldsOf(facts), printableText(message));
    };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (facts) => wrap(log.child(fieldsOf(facts))),
  };
}

/** An error passed bare is put under a name; the names of pino's own fields stay pino's. */
function fieldsOf(facts: object): Record<string, unknown> {
  const plain = printable(facts instanceof Error || Array.isArray(facts) ? { error: facts } : facts);
  if (typeof plain !== 'object' || plain === null) return { facts: plain };
  const own = new Set(['level', 'time', 'message']);
  return Object.fromEntries(Object.entries(plain).map(([key, value]) => [own.has(key) ? `${key}_` : key, value]));
}
