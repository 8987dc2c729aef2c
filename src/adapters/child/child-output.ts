import type { Readable } from 'node:stream';
import type { RotatorLog } from '../../contract/rotator.js';

/** More than this is not kept of what a process writes, on both streams together. Bytes. */
export const maxOutputBytes = 65_536;

/**
 * How long what a process has written is waited for after its end. What it has started is killed with it, so that only what
 * has left its group still holds the pipe; everything else is read by then even where this process is hardly run at all.
 */
const closingMs = 5_000;

/** What a process has written in its life. */
export interface WrittenOutput {
  readonly ranOutOfMemory: boolean;
  /**
   * Puts it into the log as one text, for the log's scrubber finds a value only where it is whole. Where the process ended
   * while it was making a value that nobody else has seen (`isUnseen`) only its length is told: no scrubber knows that value.
   */
  tell(log: RotatorLog, how: { readonly level: 'debug' | 'warn'; readonly isUnseen: boolean }): void;
}

/**
 * Collects what a process writes, so that it never waits for a reader. `closed` is asked after its end and waits `maxMs` for
 * the streams to close.
 */
export function childOutput(
  streams: readonly Readable[],
  { maxMs = closingMs }: { readonly maxMs?: number } = {},
): { closed(): Promise<WrittenOutput> } {
  const kept = streams.map((): Buffer[] => []);
  let bytes = 0;
  for (const [index, stream] of streams.entries()) {
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxOutputBytes) kept[index]?.push(chunk);
      // Of what is shown in part, a value that was cut in two is not found by the scrubber: then nothing is shown.
      else for (const chunks of kept) chunks.length = 0;
    });
  }
  const allClosed = Promise.all(streams.map((stream) => new Promise((resolve) => stream.once('close', resolve))));
  return {
    closed: async () => {
      let timer: NodeJS.Timeout | undefined;
      const tooLong = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), maxMs)));
      const isWhole = await Promise.race([allClosed.then(() => true), tooLong]);
      clearTimeout(timer);
      for (const stream of streams) stream.destroy();
      const text = kept
        .map((chunks) => Buffer.concat(chunks).toString('utf8'))
        .filter((each) => each !== '')
        .join('\n');
      return {
        ranOutOfMemory: text.includes('JavaScript heap out of memory'),
        tell: (log, { level, isUnseen }) => {
          if (bytes > 0 && isUnseen)
            log[level]({ bytes }, 'what the process of the rotator wrote is not shown: it was making a value');
          else if (bytes > maxOutputBytes)
            log[level]({ bytes }, 'the process of the rotator wrote too much to be shown');
          else if (!isWhole)
            log[level]({ bytes }, 'what the process of the rotator wrote could not be read to its end');
          else if (bytes > 0) log[level]({ text }, 'the process of the rotator wrote this');
        },
      };
    },
  };
}
