import type { LogOptions } from '../../src/telemetry/log.js';
import { createLog } from '../../src/telemetry/log.js';

/** A log whose lines a test can read. */
export function capturedLog(options: Omit<LogOptions, 'stream'> = {}): {
  readonly log: ReturnType<typeof createLog>;
  readonly text: () => string;
  readonly lines: () => readonly Record<string, unknown>[];
} {
  const written: string[] = [];
  return {
    log: createLog({ ...options, stream: { write: (line) => void written.push(line) } }),
    text: () => written.join(''),
    lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}
