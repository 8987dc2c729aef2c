import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { unpackDebian } from '../support/debian-package.js';
import { reportFigure } from '../support/figures.js';
import { isLong } from '../support/length.js';
import { askFor, casesOf, turnBack, verdictAtRest } from './course.js';
import { kinds } from './installation.js';
import { Rig } from './rig.js';
import { scenariosOf } from './scenarios.js';

const secrets = kinds.flatMap((kind) => scenariosOf(kind).map((scenario) => ({ kind, scenario })));

/** https://github.com/wolfcw/libfaketime: moves the wall clock of one process and leaves the others alone. */
const faketime = await findFaketime();

async function findFaketime(): Promise<string | { readonly lacking: string }> {
  const name = 'libfaketime.so.1';
  const unpacked = await unpackDebian('keyturn-faketime', ['libfaketime'], 'usr/lib');
  if (unpacked.kind === 'unavailable') return { lacking: unpacked.reason };
  const found = readdirSync(unpacked.folder, { recursive: true, encoding: 'utf8' }).find((each) => each.endsWith(name));
  return found === undefined ? { lacking: `Debian's libfaketime holds no ${name}` } : join(unpacked.folder, found);
}

const isHere = typeof faketime === 'string';

describe.skipIf(!isHere)(`a worker whose clock is wrong${isHere ? '' : ` (skipped: ${faketime.lacking})`}`, () => {
  for (const [name, offset] of [
    ['an hour ahead', '+1h'],
    ['ten years back', '-10y'],
  ] as const) {
    for (const queue of ['redis', 'postgres'] as const) {
      it.skipIf(queue === 'redis' && (!isLong || inject('redis').url === undefined))(
        `ends every rotation as one whose clock is right: ${name}, with the queue on ${queue}`,
        { timeout: 600_000 },
        async (context) => {
          const rig = await Rig.open({ queue, secrets });
          onTestFinished(async () => rig.close());
          const preload = typeof faketime === 'string' ? faketime : '';
          const wrong = { LD_PRELOAD: preload, FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: '1' };
          const worker = await rig.worker({}, rig.process(wrong));
          const told = worker.said.find((message) => message.kind === 'loaded');
          // That it is wrong at all.
          expect(Math.abs((told?.clockMs ?? Date.now()) - Date.now())).toBeGreaterThan(1_800_000);
          const cases = casesOf(rig);
          await askFor(rig, cases);
          await turnBack(rig, cases);
          const { sound, findings } = await verdictAtRest(rig, cases);
          reportFigure(context, `worker ${name}, queue on ${queue}: ${sound} sound / ${cases.length}`);
          expect(findings).toEqual([]);
        },
      );
    }
  }
});
