import { type RotatorHarness, rotatorCases } from 'keyturn/testing';
import { test } from 'vitest';
import { targetText } from '../../src/contract/rotator-report.js';
import { reportFigure } from './figures.js';

/**
 * Runs the cases of every rotator in this suite, and says at the end of the run how many there were, on what, which could
 * not be made, and which the target cannot have and why.
 */
export function judged<Config>(harness: RotatorHarness<Config>): void {
  const { target, none = {} } = harness;
  let count = 0;
  const notRun: string[] = [];
  test.for(rotatorCases(harness))('$name', async ({ run }, { skip }) => {
    count += 1;
    await run((why) => {
      notRun.push(why);
      skip(why);
    });
  });

  test('the cases are counted', (context) => {
    const place = target === undefined ? 'an unnamed target' : targetText(target);
    const lacks = [...new Set(notRun)].map((why) => why.replace(/^the stage of the harness gives /, ''));
    const why = lacks.length === 0 ? '' : ` (${lacks.join(', ')})`;
    const ran = `${count - notRun.length} cases run, ${notRun.length} not run${why}`;
    const exempt = Object.entries(none).map(([need, reason]) => `${need} (${reason})`);
    const rest = exempt.length === 0 ? '' : `; does not apply: ${exempt.join(', ')}`;
    reportFigure(context, `rotator ${harness.rotator.name} on ${place}: ${ran}${rest}`);
  });
}
