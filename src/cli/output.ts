import type { ErrorCode } from '../core/errors.js';
import { cureOf, isKeyturnError, isUsageError, sentenceOf } from '../core/errors.js';
import type { Status } from '../core/rotation.js';
import type { Terminal } from './doors.js';
import { plain } from './table.js';

/** How a command ends: done, failed, called or configured wrongly, or waiting for a person. */
export const exit = { done: 0, failed: 1, usage: 2, parked: 3 } as const;

/** What every command takes. */
export interface Common {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly config: string | undefined;
  readonly data: string;
}

/** Writes what a command has to say: text for people, or one JSON document. */
export class Output {
  constructor(
    private readonly terminal: Terminal,
    private readonly common: Common,
  ) {}

  /** True where a progress display may be drawn. */
  get isInteractive(): boolean {
    return this.terminal.isInteractive && !this.common.json;
  }

  /** The answer: the document with `--json`, else the text. */
  answer(document: unknown, text: string): void {
    this.terminal.stdout.write(this.common.json ? `${JSON.stringify(document)}\n` : text === '' ? '' : `${text}\n`);
  }

  /** For people only. */
  line(text: string): void {
    if (!this.common.json) this.terminal.stdout.write(`${text}\n`);
  }

  /** What a person must know and a machine need not read. */
  warn(text: string): void {
    this.terminal.stderr.write(`${text}\n`);
  }

  /** One line with code, sentence and cure; the stack with `--verbose` only. *Returns* the exit code. */
  fail(error: unknown): number {
    const told = tell(error);
    this.warn(`${told.code}: ${told.sentence}. ${told.cure}`);
    if (this.common.json) this.answer({ error: told }, '');
    if (this.common.verbose) this.warn(stackOf(error));
    return told.code === 'UNEXPECTED' || !isUsageError(told.code) ? exit.failed : exit.usage;
  }
}

interface Told {
  readonly code: ErrorCode | 'UNEXPECTED';
  readonly sentence: string;
  readonly cure: string;
}

/** The text of an error that is not ours may hold a value: it is shown with `--verbose` only. */
function tell(error: unknown): Told {
  if (isKeyturnError(error)) {
    return {
      code: error.code,
      sentence: plain(sentenceOf(error.code, error.facts)),
      cure: plain(cureOf(error.code, error.facts)),
    };
  }
  const name = error instanceof Error ? error.name : typeof error;
  return {
    code: 'UNEXPECTED',
    sentence: `the command broke off (${name})`,
    cure: 'Run it again with --verbose and report it.',
  };
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}

/** The exit code of a rotation that has ended or is parked; undefined while it goes on. */
export function exitCodeOf(status: Status): number | undefined {
  switch (status) {
    case 'completed':
      return exit.done;
    case 'rolled_back':
    case 'cancelled':
      return exit.failed;
    case 'parked':
      return exit.parked;
    case 'running':
    case 'rolling_back':
      return undefined;
    default:
      return status satisfies never;
  }
}
