import type { ObligationReport, RotatorReport } from '../contract/rotator-report.js';
import { ObligationBroken, exemption, judge, obligations } from './rotator-cases.js';
import type { RotatorHarness } from './rotator-harness.js';
import type { Obligation } from './obligations/obligation.js';
import { propagationMsOf } from './obligations/obligation.js';

/** How the judge works. */
export interface JudgeOptions {
  /** A case that has not ended after this has failed. Milliseconds. Default: two minutes, and ten times the propagation. */
  readonly caseTimeoutMs?: number;
  /** Told after each obligation, for a progress display. */
  readonly tell?: (report: ObligationReport) => void;
}

/**
 * Judges a rotator by every obligation there is, one after the other: those it does not meet, those it does, those that
 * were not run and those that do not apply, each with why. Never rejects for what a rotator or a harness does.
 */
export async function judgeRotator<Config>(
  harness: RotatorHarness<Config>,
  options: JudgeOptions = {},
): Promise<RotatorReport> {
  const { rotator, capabilities, target = null } = harness;
  const { caseTimeoutMs = 120_000 + 10 * propagationMsOf(capabilities), tell = () => {} } = options;
  const judged: ObligationReport[] = [];
  for (const obligation of obligations) {
    const report = await reportOn(obligation, harness, caseTimeoutMs);
    judged.push(report);
    tell(report);
  }
  const count = (outcome: ObligationReport['outcome']): number =>
    judged.filter((each) => each.outcome === outcome).length;
  return {
    rotator: rotator.name,
    contract: rotator.contract,
    target,
    capabilities,
    passed: count('passed'),
    failed: count('failed'),
    notRun: count('not run'),
    doesNotApply: count('does not apply'),
    obligations: judged,
  };
}

async function reportOn<Config>(
  obligation: Obligation,
  harness: RotatorHarness<Config>,
  timeoutMs: number,
): Promise<ObligationReport> {
  const { name, member, heading } = obligation;
  const told = (outcome: ObligationReport['outcome'], seen: string | null): ObligationReport => ({
    name,
    outcome,
    seen,
    member,
    heading,
  });
  const exempt = exemption(obligation, harness);
  if (exempt !== null) return told('does not apply', exempt);
  try {
    const judged = await within(timeoutMs, judge(obligation, harness));
    if (judged === null) return told('failed', `the case had not ended after ${timeoutMs} ms`);
    if (judged.outcome === 'not run') return told('not run', judged.why);
    return told('passed', judged.notes.length === 0 ? null : judged.notes.join('; '));
  } catch (error) {
    if (error instanceof ObligationBroken) return told('failed', error.seen);
    // What a harness throws may quote anything.
    return told(
      'failed',
      `the harness could not set the stage up or clear it away (${error instanceof Error ? error.name : typeof error})`,
    );
  }
}

/** *Returns* null where it took longer. */
async function within<Answer>(ms: number, work: Promise<Answer>): Promise<Answer | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => (timer = setTimeout(resolve, ms, null)));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
