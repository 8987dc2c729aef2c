import assert, { AssertionError } from 'node:assert/strict';
import { errorText } from './obligations/assertions.js';
import { type Need, type Obligation, gives, lackOf } from './obligations/obligation.js';
import { declaredObligations } from './obligations/declared.js';
import { endingObligations } from './obligations/ending.js';
import { faultObligations } from './obligations/faults.js';
import { fencingObligations } from './obligations/fencing.js';
import { makingObligations } from './obligations/making.js';
import { repeatingObligations } from './obligations/repeating.js';
import { secrecyObligations } from './obligations/secrecy.js';
import { type RotatorHarness, play } from './rotator-harness.js';
import { Witness } from './rotator-witness.js';

/** Tells a test runner that a case is not run, and why: `skip` of its context. It may throw. */
export type Skip = (why: string) => void;

/** One obligation, for any test runner. */
export interface RotatorCase {
  /** States a fact, for the name of a test. */
  readonly name: string;
  /** The member of the contract that promises it. */
  readonly member: string;
  /** The heading in `docs/writing-a-rotator.md` under which it is explained. */
  readonly heading: string;
  /**
   * Rejects where the obligation is not met, in words that hold no value. Where the harness cannot make the case it calls
   * `skip` with what is missing: a case that was not run has not passed.
   */
  readonly run: (skip: Skip) => Promise<void>;
}

/** Every obligation, in the order in which they are judged. */
export const obligations: readonly Obligation[] = [
  ...declaredObligations,
  ...makingObligations,
  ...endingObligations,
  ...fencingObligations,
  ...faultObligations,
  ...repeatingObligations,
  ...secrecyObligations,
];

/** What became of an obligation. */
export type Judged =
  | { readonly outcome: 'passed'; readonly notes: readonly string[] }
  | { readonly outcome: 'not run'; readonly why: string };

/**
 * What every rotator owes the engine, chosen by what it says it can do and by what its target can have. Run each with any
 * test runner, against the real target: each sets up a stage of its own.
 */
export function rotatorCases<Config>(harness: RotatorHarness<Config>): readonly RotatorCase[] {
  return obligations
    .filter((obligation) => exemption(obligation, harness) === null)
    .map((obligation) => ({
      name: obligation.name,
      member: obligation.member,
      heading: obligation.heading,
      run: async (skip) => {
        const judged = await judge(obligation, harness);
        if (judged.outcome === 'not run') skip(judged.why);
      },
    }));
}

/** Why an obligation does not apply: to what this rotator says of itself, or to its target. Null: it is to be judged. */
export function exemption(
  { where = [], needs }: Obligation,
  { capabilities, none = {} }: Pick<RotatorHarness<unknown>, 'capabilities' | 'none'>,
): string | null {
  const condition = where.find(({ holds }) => !holds(capabilities));
  if (condition !== undefined) return `it binds where the capabilities say ${condition.says}`;
  const why = needs === undefined ? undefined : none[needs];
  // Whoever does not say why has not looked.
  return why === undefined || why.trim() === '' ? null : why;
}

/** Judges one obligation on a stage of its own. *Errors* the obligation is not met; the message holds no value. */
export async function judge<Config>(obligation: Obligation, harness: RotatorHarness<Config>): Promise<Judged> {
  const witness = new Witness();
  const notes: string[] = [];
  const stage = await harness.begin();
  try {
    const denied = Object.keys(harness.none ?? {}).find((need) => gives(stage, need as Need)); // As its type says.
    assert.ok(denied === undefined, `the harness says that there is no \`${denied ?? ''}\`, and its stage gives one`);
    const lack = lackOf(obligation.needs, stage);
    if (lack !== null) return { outcome: 'not run', why: lack };
    await play(harness, stage, { witness, note: (text) => void notes.push(text) }, obligation.act as Act<Config>);
    return { outcome: 'passed', notes };
  } catch (error) {
    throw broken(obligation, error, witness);
  } finally {
    await stage.end();
  }
}

/** An obligation looks at no configuration: it hands it on to where it came from. */
type Act<Config> = Parameters<typeof play<Config>>[3];

/** What was seen, under the name of the obligation, without the values that a rotator may have put into its errors. */
function broken(obligation: Obligation, error: unknown, witness: Witness): Error {
  const { name, member, heading } = obligation;
  const seen = witness.scrub(seenIn(error, witness));
  const look = `See \`${member}\`, and "${heading}" in docs/writing-a-rotator.md`;
  const told = new ObligationBroken(name, seen, `${name}: ${seen}. ${look}`);
  // Where it was seen, for the author; never the error itself, which may show what it should not.
  if (error instanceof Error && error.stack !== undefined) told.stack = `${told.message}\n${framesOf(error.stack)}`;
  return told;
}

/** What an assertion says, or which call threw what it was not to throw. */
function seenIn(error: unknown, witness: Witness): string {
  // What Node adds to a message shows both sides, at length.
  if (error instanceof AssertionError) return error.message.replace(/\n\+ actual - expected[\s\S]*$/, '');
  const place = witness.shown.findLast(({ what }) => what === error)?.where ?? 'the case';
  return `${place} is ${errorText(error)}`;
}

const framesOf = (stack: string): string =>
  stack
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .join('\n');

/** An obligation that is not met. */
export class ObligationBroken extends Error {
  override readonly name = 'ObligationBroken';

  constructor(
    readonly obligation: string,
    /** What was seen, without values. */
    readonly seen: string,
    message: string,
  ) {
    super(message);
  }
}
