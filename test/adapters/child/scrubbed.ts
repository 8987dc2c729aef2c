import type { RotatorLog } from '../../../src/contract/rotator.js';
import { Scrubber } from '../../../src/core/scrub.js';
import { Secret } from '../../../src/core/secret.js';

/** A log as the engine's guard hands it to a rotator: without these values. */
export function scrubbed(lines: string[], values: readonly string[]): RotatorLog {
  const scrubber = new Scrubber();
  scrubber.learn(values.map((value) => Secret.fromText(value)));
  const write =
    (level: string): RotatorLog['debug'] =>
    (facts, message) =>
      void lines.push(`${level} ${scrubber.text(message)} ${JSON.stringify(scrubber.clean(facts))}`);
  return { debug: write('debug'), warn: write('warn') };
}
