import type { Edit } from '../support/source-copy.js';

/** A bug put into a copy of the source, which the crash matrix must find there. */
export interface PlantedFault extends Edit {
  readonly name: string;
  /** Scenarios to try, in this order. */
  readonly scenarios: readonly string[];
}

/** Rules of the journal and of undoing, each taken away once. */
export const plantedFaults: readonly PlantedFault[] = [
  {
    name: 'undo trusts its own record: only steps that were written down as done are undone',
    file: 'src/core/decide.ts',
    find: "if (step.kind !== 'act' || !now.touched) continue;",
    replace: "if (step.kind !== 'act' || (now.phase !== 'done' && now.phase !== 'undoing')) continue;",
    scenarios: ['half-applied create that does not heal'],
  },
  {
    name: 'no intent: effects happen before it is committed',
    file: 'src/engine/advance.ts',
    find: "const committed = session.hasPending ? yield* commit(session, CRASH_DUE_IN_MS) : 'committed';",
    replace: "const committed = 'committed' as 'committed' | 'stale' | 'claimed' | 'lost';",
    scenarios: ['success'],
  },
  {
    name: 'create cannot be repeated: spares of an earlier try are left',
    file: 'workflows/steps/create.ts',
    find: "yield* ask('target', 'destroy', spare, { createdBy: plan.rotationId });",
    replace: '',
    scenarios: ['success with a provider-born value'],
  },
  {
    name: 'undo goes in forward order',
    file: 'src/core/decide.ts',
    find: 'for (const step of [...workflow.steps].reverse()) {',
    replace: 'for (const step of workflow.steps) {',
    scenarios: ['failed drain'],
  },
  {
    name: 'the fence lets everybody through',
    file: 'src/core/fence.ts',
    find: "return compareTokens(stored, mine) <= 0 ? 'pass' : 'stale';",
    replace: "return 'pass';",
    scenarios: ['success', 'failed drain', 'failed canary'],
  },
  {
    name: 'nothing is settled: a provider is asked again while the older request can still arrive',
    file: 'src/core/decide.ts',
    find: 'capabilities.fence ? 0 : each.intendedMs + capabilities.settleMs',
    replace: '0',
    scenarios: ['success with a provider-born value'],
  },
  {
    name: 'the store takes writes of an executor that lost its lease',
    file: 'src/adapters/memory/store.ts',
    find: 'if (!this.#state.holds(scope.plan.secret, scope.fence.epoch))',
    replace: 'if (scope.fence.epoch < 0)',
    scenarios: ['failed drain', 'failed canary', 'success'],
  },
  {
    name: 'the old credential is destroyed without its proof',
    file: 'workflows/steps/destroy.ts',
    find: "yield* ask('target', 'destroy', old.identity, { createdBy: old.createdBy });",
    replace: '',
    scenarios: ['success at a target that cannot disable'],
  },
  {
    name: 'the new credential is destroyed before the label is back',
    file: 'workflows/steps/promote.ts',
    find: 'yield* moveLabelBack(plan, yield* wayBack(plan, before.preflight), put);',
    replace: ';',
    scenarios: ['failed drain'],
  },
  {
    name: 'the canary passes whatever its checks say',
    file: 'src/core/canary.ts',
    find: 'canaryLacking(plan, facts.consumers) ?? checkLacking(checks, facts.checks, facts.atMs)',
    replace: 'canaryLacking(plan, facts.consumers)',
    scenarios: ['metric that goes away during the soak'],
  },
  {
    name: 'a metric without a sample is well',
    file: 'src/core/soak-check.ts',
    find: "if (values.length === 0) return { answer: 'unknown', finding: 'its query gave no sample' };",
    replace: '',
    scenarios: ['metric that goes away during the soak'],
  },
  {
    name: 'metrics are compared the other way round',
    file: 'src/core/soak-check.ts',
    find: "(holds === 'below' ? value < limit : value > limit)",
    replace: "(holds === 'below' ? value > limit : value < limit)",
    scenarios: ['success with a metric that stays well'],
  },
];
