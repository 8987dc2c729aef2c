import type { Violation } from './oracle.js';
import { type Scenario, scenarios } from './scenarios.js';
import { type At, type Interruption, World } from './world.js';

/** One violation, with what replays it. */
export interface Finding extends Violation {
  readonly scenario: string;
  /** The arguments of `World.run`. */
  readonly at: readonly At[];
}

/** What a matrix has shown. */
export interface MatrixResult {
  readonly runs: number;
  readonly findings: readonly Finding[];
}

const interruptions: readonly Interruption[] = ['crash before', 'crash after', 'late'];

/** Interrupts every scenario at every question it asks of the world, in every way. */
export function crashMatrix(chosen: readonly Scenario[] = scenarios): MatrixResult {
  return judged(chosen, function* (points) {
    yield [];
    for (const how of interruptions) for (let point = 1; point <= points; point += 1) yield [{ point, how }];
  });
}

/** Every eleventh question after the first interruption is tried for the second; which ones depends on the first. */
const STRIDE = 11;

/** Interrupts every scenario, and then kills whoever recovers it. */
export function crashPairs(chosen: readonly Scenario[]): MatrixResult {
  return judged(chosen, function* (points) {
    for (const how of interruptions) {
      for (let point = 1; point <= points; point += 1) {
        const first = { point, how };
        for (let second = point + 1 + (point % STRIDE); second <= points + point; second += STRIDE) {
          yield [first, { point: second, how: 'crash before' }];
        }
      }
    }
  });
}

function judged(chosen: readonly Scenario[], cases: (points: number) => Generator<readonly At[]>): MatrixResult {
  let runs = 0;
  const findings: Finding[] = [];
  for (const scenario of chosen) {
    for (const at of cases(new World(scenario).run())) {
      const world = new World(scenario);
      world.run(...at);
      runs += 1;
      findings.push(...world.oracle.violations.map((each) => ({ ...each, scenario: scenario.name, at })));
    }
  }
  return { runs, findings };
}
