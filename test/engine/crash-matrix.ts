import type { Violation } from './oracle.js';
import { type Scenario, scenarios } from './scenarios.js';
import { type Interruption, World } from './world.js';

/** One violation, with what replays it. */
export interface Finding extends Violation {
  readonly scenario: string;
  readonly how: Interruption | 'none';
  readonly point: number;
}

/** What a matrix has shown. */
export interface MatrixResult {
  readonly runs: number;
  readonly findings: readonly Finding[];
}

const interruptions: readonly Interruption[] = ['crash before', 'crash after', 'late'];

/** Interrupts every scenario at every question it asks of the world, in every way. */
export function crashMatrix(chosen: readonly Scenario[] = scenarios): MatrixResult {
  let runs = 0;
  const findings: Finding[] = [];
  for (const scenario of chosen) {
    const quiet = new World(scenario);
    const points = quiet.run();
    runs += 1;
    findings.push(
      ...quiet.oracle.violations.map((each) => ({ ...each, scenario: scenario.name, how: 'none' as const, point: 0 })),
    );
    for (const how of interruptions) {
      for (let point = 1; point <= points; point += 1) {
        const world = new World(scenario);
        world.run({ point, how });
        runs += 1;
        findings.push(...world.oracle.violations.map((each) => ({ ...each, scenario: scenario.name, how, point })));
      }
    }
  }
  return { runs, findings };
}
