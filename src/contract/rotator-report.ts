import type { Capabilities } from '../core/capabilities.js';

/** What the cases of a rotator ran against. */
export interface JudgedTarget {
  /** What the cases ran against: `PostgreSQL 18`, `a double of the Grafana API`. */
  readonly name: string;
  /** False where the target was made for the test: it agrees with whatever its author believed. */
  readonly isReal: boolean;
}

/** One obligation, judged. */
export interface ObligationReport {
  /** States what must hold. */
  readonly name: string;
  /**
   * `not run`: the harness cannot make the case, and nothing is known of it. `does not apply`: the rotator does not claim
   * what it is about, or the harness says that the target has no such thing.
   */
  readonly outcome: 'passed' | 'failed' | 'not run' | 'does not apply';
  /** Why it failed, was not run or does not apply, or how it was approximated; without values. Null: nothing to say. */
  readonly seen: string | null;
  /** The member of the contract (`keyturn/rotator`) that promises it. */
  readonly member: string;
  /** The heading in `docs/writing-a-rotator.md` under which it is explained. */
  readonly heading: string;
}

/** What the judge found of one rotator. Plain data. */
export interface RotatorReport {
  readonly rotator: string;
  readonly contract: number;
  /** Null: the harness does not say. */
  readonly target: JudgedTarget | null;
  readonly capabilities: Capabilities;
  readonly passed: number;
  readonly failed: number;
  readonly notRun: number;
  readonly doesNotApply: number;
  /** In the order in which they were judged. */
  readonly obligations: readonly ObligationReport[];
}

/** The page that explains every obligation. */
const page = 'docs/writing-a-rotator.md';

/** The report as text: one line for each obligation, and what to do about each that failed. */
export function renderRotatorReport(report: RotatorReport): string {
  const target = report.target === null ? '' : `, judged on ${targetText(report.target)}`;
  const { passed, failed, notRun, doesNotApply } = report;
  return [
    `rotator ${report.rotator} (contract ${report.contract})${target}`,
    ...report.obligations.map(obligationText),
    `${passed} passed, ${failed} failed, ${notRun} not run, ${doesNotApply} do not apply`,
  ].join('\n');
}

/** `PostgreSQL 18 (real server)`. */
export function targetText({ name, isReal }: JudgedTarget): string {
  return `${name} (${isReal ? 'real server' : 'double'})`;
}

function obligationText({ name, outcome, seen, member, heading }: ObligationReport): string {
  switch (outcome) {
    case 'passed':
      return seen === null ? `ok    ${name}` : `ok    ${name} (${seen})`;
    case 'not run':
    case 'does not apply':
      return `-     ${name}\n      ${outcome}: ${seen ?? 'no reason is known'}`;
    case 'failed':
      return [
        `FAIL  ${name}`,
        `      seen: ${seen ?? 'nothing'}`,
        `      look: \`${member}\` in keyturn/rotator, and "${heading}" in ${page}`,
      ].join('\n');
    default:
      return outcome satisfies never;
  }
}
