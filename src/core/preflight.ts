import type { Moment, Verdict } from './decide.js';
import { type EndpointAnswer, type Finding, everywhere, whereAnswered } from './observation.js';
import { type Plan, naming } from './plan.js';

/** The credential that is current when a rotation begins: public facts only. */
export type OldCredential = {
  readonly version: number;
  readonly identity: string;
  readonly digest: string;
  /** The rotation that made it; null: it came from outside. */
  readonly createdBy: string | null;
  /** False where it was refused everywhere already and the rotation repairs. */
  readonly accepted: boolean;
};

/** What preflight hands on. */
export type Preflight = {
  /** Null: the secret has no version yet; gates about the old one pass. */
  readonly old: OldCredential | null;
  /** Where the label `previous` was. */
  readonly previous: number | null;
  /** The target by its own identifier, not by its address. */
  readonly system: string;
};

/** What preflight saw. */
export type PreflightFacts = {
  readonly old: Omit<OldCredential, 'accepted'> | null;
  readonly previous: number | null;
  readonly system: string;
  readonly answers: readonly EndpointAnswer[];
  readonly findings: readonly Finding[];
};

/** May the rotation start? "Unknown" is not "accepted": it waits, and gives up without having touched anything. */
export function judgePreflight(
  { plan, moment, rewound }: { readonly plan: Plan; readonly moment: Moment; readonly rewound: boolean },
  facts: PreflightFacts,
): Verdict<PreflightFacts, Preflight> {
  const wait = (why: string): Verdict<PreflightFacts, Preflight> => ({
    kind: 'wait',
    facts,
    why,
    againInMs: plan.policy.pollMs,
  });
  if (moment.held) return wait('held');
  const [finding] = [...facts.findings, ...unclaimed(plan, facts.old)];
  if (finding !== undefined) {
    return { kind: 'fail', code: 'PREFLIGHT_FAILED', facts: { finding: finding.sentence, cure: finding.cure } };
  }
  const pass = (old: OldCredential | null): Verdict<PreflightFacts, Preflight> => ({
    kind: 'pass',
    output: { old, previous: facts.previous, system: facts.system },
    claims: [`principal:${facts.system}:${plan.principal}`],
  });
  if (facts.old === null) return pass(null);
  // The database was rewound: this rotation has promoted before, and has forgotten what it goes back to.
  if (facts.old.createdBy === plan.rotationId) {
    // Nobody has noticed yet, and only in a newer era is everything taken back.
    if (!rewound) return { kind: 'park', code: 'DATABASE_REWOUND', facts: {} };
    const cure = 'The rotation has forgotten how far it was, and turns back; then rotate again.';
    return { kind: 'fail', code: 'PRINCIPAL_IN_USE', facts: { principal: facts.old.identity, cure } };
  }
  if (everywhere(facts.answers, 'accepted')) return pass({ ...facts.old, accepted: true });
  const unknown = whereAnswered(facts.answers, 'unknown');
  if (unknown !== undefined || facts.answers.length === 0) {
    const endpoint = unknown?.endpoint ?? plan.target;
    if (moment.nowMs - moment.openedMs < plan.policy.canaryMaxMs) return wait(`no answer from ${endpoint}`);
    return {
      kind: 'fail',
      code: 'RETRIES_EXHAUSTED',
      facts: { ...naming(plan), step: 'preflight', attempts: 1, last: 'TARGET_UNREACHABLE' },
    };
  }
  // What one endpoint still accepts is in use there, whatever the others say.
  const accepted = whereAnswered(facts.answers, 'accepted') !== undefined;
  if (plan.repair) return pass({ ...facts.old, accepted });
  const refused = whereAnswered(facts.answers, 'refused', 'absent');
  return { kind: 'fail', code: 'CURRENT_REFUSED', facts: { endpoint: refused?.endpoint ?? plan.target } };
}

/**
 * A credential that came from outside carries no tag, so `destroy` must be told that it may remove it. Asked now,
 * because there is no way back from where it would be refused. Where one only can live it is replaced, not removed.
 */
export function unclaimed(
  plan: Pick<Plan, 'adopted' | 'capabilities' | 'path'>,
  old: Pick<OldCredential, 'version' | 'createdBy'> | null,
): readonly Finding[] {
  if (old === null || old.createdBy !== null || plan.adopted || plan.capabilities.overlap === 'one-live') return [];
  return [
    {
      sentence: `version ${old.version} came from outside, and nobody has said that it may be destroyed once it is replaced`,
      cure: `Set \`adopted: true\` at the secret ${plan.path}.`,
    },
  ];
}
