import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { reportFigure } from '../support/figures.js';
import { isLong } from '../support/length.js';
import { askFor, casesOf, turnBack, verdictAtRest } from './course.js';
import { kinds } from './installation.js';
import { Rig } from './rig.js';
import { scenariosOf } from './scenarios.js';

const secrets = kinds.flatMap((kind) =>
  scenariosOf(kind).flatMap((scenario) => Array.from({ length: 2 }, () => ({ kind, scenario }))),
);

describe('a queue that delivers every job twice, to two workers', () => {
  for (const queue of ['redis', 'postgres'] as const) {
    it.skipIf(queue === 'redis' && (!isLong || inject('redis').url === undefined))(
      `changes nothing in how rotations end, on ${queue}`,
      { timeout: 600_000 },
      async (context) => {
        const rig = await Rig.open({ queue, secrets });
        onTestFinished(async () => rig.close());
        const workers = [rig.process(), rig.process()];
        let rings = 0;
        for (const [index, worker] of workers.entries()) {
          const other = workers[1 - index];
          worker.onMessage((message) => {
            if (message.kind !== 'rang') return;
            rings += 1;
            for (let count = 0; count < 2; count += 1) other?.send({ ...message, kind: 'rung' });
          });
        }
        await Promise.all(workers.map((worker) => rig.worker({ isTwice: true }, worker)));
        const cases = casesOf(rig);
        await askFor(rig, cases);
        await turnBack(rig, cases);
        const { sound, findings } = await verdictAtRest(rig, cases);
        const told = `${rings}; ${sound} rotations sound / ${cases.length}`;
        reportFigure(context, `jobs delivered four times over two workers on ${queue}: ${told}`);
        expect(findings).toEqual([]);
        expect(rings).toBeGreaterThan(cases.length / 2);
      },
    );
  }
});
