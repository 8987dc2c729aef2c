import type { PlannedCheck } from './plan.js';

/** What was seen of one check at one look, as it was seen: what it means is judged here. */
export type CheckSight = { readonly check: string } & (
  | { readonly kind: 'status'; readonly status: number }
  /** What the query gave. Empty, or with a NaN, where it gave that. */
  | { readonly kind: 'samples'; readonly values: readonly number[] }
  /** No answer, or none that can be read. The reason is in words of ours and quotes nothing. */
  | { readonly kind: 'nothing'; readonly reason: string }
);

/** What one check has said, as facts keep it: of fixed size, whatever was answered. */
export type CheckFact = {
  readonly check: string;
  /** `unknown`: nobody can tell. It is never taken for good, nor for bad. */
  readonly answer: 'good' | 'bad' | 'unknown';
  /** Numbers and words of ours. */
  readonly finding: string;
  /** The database's time of the look. Milliseconds since 1970. */
  readonly atMs: number;
  /** Looks in a row that found it bad. A look that found out nothing neither adds one nor begins anew. */
  readonly badLooks: number;
};

/** A finding is cut off here: a fact is written down at every look. Characters. */
const MAX_FINDING = 200;

/** The facts after a look: one for every check that is planned, whether or not anything was seen of it. */
export function checkFactsAfter(
  planned: readonly PlannedCheck[],
  sights: readonly CheckSight[],
  { previous, atMs }: { readonly previous: readonly CheckFact[]; readonly atMs: number },
): readonly CheckFact[] {
  return planned.map((check) => {
    const { answer, finding } = judgeSight(
      check,
      sights.find((each) => each.check === check.name),
    );
    const before = previous.find((each) => each.check === check.name)?.badLooks ?? 0;
    const badLooks = answer === 'good' ? 0 : answer === 'bad' ? before + 1 : before;
    return { check: check.name, answer, finding: finding.slice(0, MAX_FINDING), atMs, badLooks };
  });
}

/** The first check that has been found bad as often as it takes. */
export function failedCheck(planned: readonly PlannedCheck[], facts: readonly CheckFact[]): CheckFact | undefined {
  return facts.find((fact) => {
    const check = planned.find((each) => each.name === fact.check);
    return check !== undefined && fact.answer === 'bad' && fact.badLooks >= check.failAfter;
  });
}

/** Which check is not good at the look of `atMs`, and why; undefined: all are. A check that was not asked then is not. */
export function checkLacking(
  planned: readonly PlannedCheck[],
  facts: readonly CheckFact[],
  atMs: number,
): string | undefined {
  for (const check of planned) {
    const fact = facts.find((each) => each.check === check.name && each.atMs === atMs);
    if (fact === undefined) return `check ${check.name} was not asked`;
    const bad = fact.answer === 'bad' ? `, bad in ${fact.badLooks} of ${check.failAfter} looks` : '';
    if (fact.answer !== 'good') return `check ${check.name}: ${fact.finding}${bad}`;
  }
  return undefined;
}

type Judged = Pick<CheckFact, 'answer' | 'finding'>;

function judgeSight(check: PlannedCheck, sight: CheckSight | undefined): Judged {
  if (sight === undefined) return { answer: 'unknown', finding: 'nothing was seen of it' };
  if (sight.kind === 'nothing') return { answer: 'unknown', finding: sight.reason };
  if (check.kind === 'http') {
    if (sight.kind !== 'status') return { answer: 'unknown', finding: 'it has no status' };
    const isExpected = sight.status === check.expectStatus;
    const finding = isExpected ? `status ${sight.status}` : `status ${sight.status}, not ${check.expectStatus}`;
    return { answer: isExpected ? 'good' : 'bad', finding };
  }
  if (sight.kind !== 'samples') return { answer: 'unknown', finding: 'it has no samples' };
  return judgeSamples(check, sight.values);
}

/**
 * Every sample must hold. One that does not is bad whatever the others are; after that, one that is no number leaves open
 * whether all hold. A query without a sample is no good sign: the series may be gone with the consumer it is about.
 */
function judgeSamples(
  { holds, limit }: Extract<PlannedCheck, { kind: 'prometheus' }>,
  values: readonly number[],
): Judged {
  if (values.length === 0) return { answer: 'unknown', finding: 'its query gave no sample' };
  const numbers = values.filter((value) => !Number.isNaN(value));
  const doesHold = (value: number): boolean => (holds === 'below' ? value < limit : value > limit);
  const failing = numbers.filter((value) => !doesHold(value));
  const worst = farthest(holds, failing.length > 0 ? failing : numbers);
  if (failing.length > 0) {
    const share = values.length === 1 ? '' : ` in ${failing.length} of ${values.length} samples`;
    return { answer: 'bad', finding: `${worst} is not ${holds} ${limit}${share}` };
  }
  if (numbers.length < values.length) {
    return {
      answer: 'unknown',
      finding: `${values.length - numbers.length} of ${values.length} samples are no number`,
    };
  }
  const share = values.length === 1 ? '' : ` at the worst of ${values.length} samples`;
  return { answer: 'good', finding: `${worst} is ${holds} ${limit}${share}` };
}

/** The one that is farthest on the wrong side. By a loop: an answer may hold more samples than a call takes arguments. */
function farthest(holds: 'below' | 'above', values: readonly number[]): number {
  return values.reduce(
    (worst, value) => ((holds === 'below' ? value > worst : value < worst) ? value : worst),
    values[0] ?? Number.NaN,
  );
}
