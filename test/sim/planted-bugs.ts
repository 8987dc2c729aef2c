import type { Edit } from '../support/source-copy.js';

/** A bug put into a copy of the source, which the simulator must find there. */
export interface PlantedBug {
  readonly name: string;
  /** More than one where a rule stands twice on purpose, in a gate and in its guard: the bug is that it is gone. */
  readonly edits: readonly Edit[];
}

const decide = 'src/core/decide.ts';
const outcome = 'src/core/outcome.ts';
const evidence = 'src/core/evidence.ts';
const facts = 'src/core/consumer-facts.ts';
const guard = 'src/core/revoke-guard.ts';
const watch = 'src/core/watch.ts';
const state = 'src/adapters/memory/state.ts';
const store = 'src/adapters/memory/store.ts';
const create = 'workflows/steps/create.ts';

const bug = (name: string, ...edits: readonly (readonly [string, string, string])[]): PlantedBug => ({
  name,
  edits: edits.map(([file, find, replace]) => ({ file, find, replace })),
});

/** Every clause of the guards and every rule of the journal that can be taken away, each taken away once. */
export const plantedBugs: readonly PlantedBug[] = [
  // What I2 asks before the old credential is touched.
  bug('(a) nobody looks where the label is', [
    evidence,
    'return current !== null && current.version === expected.version && current.digest === expected.digest;',
    'return current !== null || expected.version > 0;',
  ]),
  bug(
    '(a) a label read long ago will do',
    [guard, "if (moment.nowMs - facts.atMs > ALIAS_MAX_AGE_MS) return 'the label was read too long ago';", ''],
    [guard, 'facts.atMs + ALIAS_MAX_AGE_MS,\n      facts.atMs + VERIFIED_MAX_AGE_MS,', 'facts.atMs + 1_000_000_000,'],
  ),
  bug('(b) one endpoint that accepts is enough', [
    'src/core/observation.ts',
    'return answers.length > 0 && answers.every((each) => each.answer === answer);',
    'return answers.some((each) => each.answer === answer);',
  ]),
  bug('(c) no consumer has to prove anything', [
    evidence,
    'if (!consumer.required || at.waived.includes(consumer.name)) return false;',
    'if (at.maxAgeMs > 0) return false;',
  ]),
  bug('(c) one instance that proves is enough', [
    evidence,
    'facts.some((each) => each.answer',
    'facts.every((each) => each.answer',
  ]),
  bug('(c) fewer instances than there must be will do', [
    evidence,
    "return typeof consumer.instances === 'number' && provedInstances(facts) < consumer.instances;",
    'return false;',
  ]),
  bug('(c) who has registered and was not heard is not waited for', [
    facts,
    '.map(({ unheard: _unheard, gone: _gone, ...each }) => each);',
    '.filter(({ unheard }) => unheard !== true);',
  ]),
  bug('a person is asked about who needs the old one while it stays off', [
    watch,
    "return exposed === true || !capabilities.disable ? {} : { takingBack: 'disable' };",
    'return exposed === true || !capabilities.disable ? {} : {};',
  ]),
  bug('a person is asked before what is taken back is back', [
    decide,
    "if (phase === 'undone' && doneMs >= settledMs) return record({ kind: 'Parked', code, facts: found });",
    "if (phase !== 'idle' || doneMs >= settledMs) return record({ kind: 'Parked', code, facts: found });",
  ]),
  bug('what is exposed is turned back to by itself', [
    outcome,
    "if (state.plan.exposed !== true || !isPromoted || code === 'ALIAS_MOVED')",
    'if (isPromoted || code !== undefined)',
  ]),
  bug('who is refused with the old one counts for nothing', [
    watch,
    'const trying = exposed === true ? undefined : refused?.from[0];',
    'const trying = exposed === true ? undefined : refused?.from[1_000];',
  ]),
  bug(
    '(h) the last try of the old one was at first',
    [
      watch,
      "if (facts.refused !== undefined && facts.refused.triedMs < facts.atMs) return wait('a try of the old credential', 1);",
      '',
    ],
    ['workflows/steps/refused-logins.ts', 'if (isTried && (!at.isLast || unknown !== null)) {', 'if (isTried) {'],
  ),
  bug('(d) no grace', [
    evidence,
    'return Math.max(plan.policy.graceMs, ...plan.consumers.map((each) => each.cacheTtlMs));',
    'return Math.min(0, plan.policy.graceMs);',
  ]),
  bug('(d) caches do not count', [
    evidence,
    'return Math.max(plan.policy.graceMs, ...plan.consumers.map((each) => each.cacheTtlMs));',
    'return plan.policy.graceMs;',
  ]),
  bug('(e) use of the old credential does not count', [
    evidence,
    'if (usage === null || !plan.capabilities.usage) return undefined;',
    'if (usage === null || plan.policy.pollMs > 0) return undefined;',
  ]),
  bug('(e) sessions that were opened lately do not count', [
    evidence,
    'Math.max(promotedMs, facts.lastOpenedMs ?? 0, ...proofs)',
    'Math.max(promotedMs, ...proofs)',
  ]),
  bug('(e) open sessions do not count', [
    evidence,
    'if (usage.sessions === 0) return undefined;',
    'if (usage.sessions >= 0) return undefined;',
  ]),
  bug('(e) one old session takes the time from the others', [
    evidence,
    'const ageMs = usage.youngestAgeMs ?? 0;',
    'const ageMs = usage.oldestAgeMs ?? 0;',
  ]),
  bug('(e) sessions that cannot be ended do not count', [
    evidence,
    'if (plan.capabilities.endsSessions) return undefined;',
    'if (ageMs >= 0) return undefined;',
  ]),
  bug(
    '(f) a hold stops nothing',
    ['src/core/drain.ts', 'const pending = moment.held', 'const pending = moment.nowMs < 0'],
    [guard, "if (moment.held) return 'held';", ''],
  ),
  bug(
    '(g) the target may be another system',
    [evidence, 'if (facts.system !== expected.system) {', 'if (facts.system === null) {'],
    [guard, "if (facts.system !== expected.system) return 'the target is another system';", ''],
  ),
  bug(
    'the watch window is not awaited',
    [
      watch,
      "if (watched < plan.policy.watchMs) return wait('watching', plan.policy.watchMs - watched);",
      'void watched;',
    ],
    [
      guard,
      'if (disabledMs !== null && moment.nowMs - disabledMs < plan.policy.watchMs)',
      'if (disabledMs !== null && moment.nowMs < 0)',
    ],
  ),
  bug(
    '(h) an old credential that is alive again is destroyed',
    [
      watch,
      'if (facts.oldAnswers !== null && !deadEverywhere(facts.oldAnswers)) {',
      'if (facts.oldAnswers !== null && facts.atMs < 0) {',
    ],
    [
      guard,
      'if (oldAnswers !== null && !deadEverywhere(oldAnswers)) return',
      'if (oldAnswers !== null && moment.nowMs < 0) return',
    ],
  ),
  bug(
    'what could not be disabled is not shown quiet again',
    [watch, 'if (facts.again !== null) {', 'if (facts.again !== null && facts.atMs < 0) {'],
    [
      guard,
      'const pending = again === null ? undefined : unquiet(plan, again, disabledMs ?? again.atMs);',
      'const pending = undefined as { readonly why: string } | undefined;',
    ],
  ),
  bug('who cannot work without the old credential is not heard', [
    watch,
    "const saying = consumers.find((each) => each.answer === 'refused');",
    "const saying = consumers.find((each) => each.answer === 'refused' && each.atMs < 0);",
  ]),
  // Canary and preflight.
  bug(
    'the canary passes what was not accepted',
    [
      'src/core/canary.ts',
      "const refused = whereAnswered(facts.answers, 'refused', 'absent');",
      "const refused = whereAnswered([...facts.answers].slice(0, 0), 'refused');",
    ],
    ['src/core/canary.ts', "const isIn = everywhere(facts.answers, 'accepted');", 'const isIn = true;'],
  ),
  bug('the canary does not wait for its consumers', [
    'src/core/canary.ts',
    '? (canaryLacking(plan, facts.consumers) ?? checkLacking(checks, facts.checks, facts.atMs))',
    '? undefined',
  ]),
  bug('the canary does not wait for its checks', [
    'src/core/canary.ts',
    ' ?? checkLacking(checks, facts.checks, facts.atMs))',
    ')',
  ]),
  bug('a check that was good once is not asked again', [
    'workflows/steps/checks.ts',
    '  return checkFactsAfter(planned,',
    "  if (at.previous.length > 0 && at.previous.every(({ answer }) => answer === 'good'))\n    return at.previous.map((each) => ({ ...each, atMs: at.atMs }));\n  return checkFactsAfter(planned,",
  ]),
  bug('what a check did not say counts as good', [
    'src/core/soak-check.ts',
    "if (sight.kind === 'nothing') return { answer: 'unknown', finding: sight.reason };",
    "if (sight.kind === 'nothing') return { answer: 'good', finding: sight.reason };",
  ]),
  bug('one canary consumer is enough', [
    'src/core/policy.ts',
    "if (canaries === 'all') return declared;",
    "if (canaries === 'all') return Math.min(1, declared);",
  ]),
  bug('preflight passes a current credential that is refused', [
    'src/core/preflight.ts',
    "if (everywhere(facts.answers, 'accepted')) return",
    'if (facts.answers.length > 0) return',
  ]),
  // Compensations.
  bug('undoing create does not ask what current names', [
    'src/core/compensation-guard.ts',
    "if (current.identity === created.identity) return '`current` names the identity that would be destroyed';",
    '',
  ]),
  bug('undoing promote moves the label onto a dead credential', [
    'src/core/compensation-guard.ts',
    "if (at.named === 'refused') return { kind: 'unsafe', finding: 'the old credential is refused' };",
    '',
  ]),
  bug('undoing create destroys what it has not switched off', [
    create,
    "yield* ask('target', 'disable', identity);",
    '',
  ]),
  bug('undoing create does not wait for caches', [
    decide,
    'const waitMs = early ? 0 : Math.max(settledMs, servedUntil(state));',
    'const waitMs = early ? 0 : settledMs;',
  ]),
  bug('undoing promote leaves the label', [
    'workflows/steps/promote.ts',
    'yield* moveLabelBack(plan, yield* wayBack(plan, before.preflight), put);',
    ';',
  ]),
  bug('undoing promote believes a read', [
    'workflows/steps/promote.ts',
    "const stayed = yield* ask('store', 'moveCurrent', { from: at.to, to: at.to, previous });",
    'const stayed = { current: at.to };',
  ]),
  bug('undoing stage leaves the label pending', [
    'workflows/steps/stage.ts',
    "if (version !== null) yield* ask('store', 'retirePending', version);",
    '',
  ]),
  bug('undoing disable leaves the old credential off', [
    'workflows/steps/disable.ts',
    "if (old !== null && old.accepted && plan.capabilities.disable) yield* ask('target', 'enable', old.identity);",
    '',
  ]),
  bug('undo trusts its own record', [
    decide,
    "if (step.kind !== 'act' || !now.touched) continue;",
    "if (step.kind !== 'act' || (now.phase !== 'done' && now.phase !== 'undoing')) continue;",
  ]),
  bug('undo goes in forward order', [
    decide,
    'for (const step of [...workflow.steps].reverse()) {',
    'for (const step of workflow.steps) {',
  ]),
  bug('spares of an earlier try at a provider are left', [
    create,
    "yield* ask('target', 'destroy', spare, { createdBy: plan.rotationId });",
    '',
  ]),
  // Steps.
  bug('the old credential is not destroyed', [
    'workflows/steps/destroy.ts',
    "yield* ask('target', 'destroy', old.identity, { createdBy: old.createdBy });",
    '',
  ]),
  bug('promote puts previous nowhere', [
    'workflows/steps/promote.ts',
    'yield* moveLabel(plan, before.stage, { from, previous: from });',
    'yield* moveLabel(plan, before.stage, { from, previous: null });',
  ]),
  bug(
    'a value that nobody generated is stored',
    [
      'workflows/steps/propose.ts',
      "if (finding !== undefined) throw keyturnError('VALUE_UNFIT', { secret: plan.path, finding });",
      'void finding;',
    ],
    [
      store,
      "if (finding !== undefined) throw keyturnError('VALUE_UNFIT', { secret: scope.plan.path, finding });",
      'void finding;',
    ],
  ),
  bug('a second version is put', [
    store,
    'const version = before?.version ?? this.#put(',
    'const version = this.#put(',
  ]),
  // Fence, settle, raise.
  bug('the fence lets everybody through', [
    'src/core/fence.ts',
    "return compareTokens(stored, mine) <= 0 ? 'pass' : 'stale';",
    "return 'pass';",
  ]),
  bug('the fence is not raised after a takeover', [
    decide,
    'if (older !== undefined) return older.step;',
    'if (older !== undefined && facts.nowMs < 0) return older.step;',
  ]),
  bug('nothing is settled by time', [decide, 'capabilities.fence ? 0 : each.intendedMs + capabilities.settleMs', '0']),
  bug('a rotation closes before its requests have died', [
    decide,
    "if (settledMs > facts.nowMs) return { kind: 'rest', untilMs: settledMs };\n  return record({ kind: 'RotationClosed', status });",
    "return record({ kind: 'RotationClosed', status: settledMs < 0 ? 'cancelled' : status });",
  ]),
  bug('what failed unsurely is forgotten', [
    'src/core/rotation.ts',
    'return state.intent === null ? state : { ...state, intent: { ...state.intent, failed: true } };',
    'return { ...state, intent: null };',
  ]),
  bug('an older executor’s intent is no debt', [
    'src/core/rotation.ts',
    'return [...state.unsettled, { step: open.step, epoch: open.epoch, intendedMs: open.atMs }];',
    'return state.unsettled;',
  ]),
  bug('the store takes writes without the lease', [
    store,
    'if (!this.#state.holds(scope.plan.secret, scope.fence.epoch))',
    'if (scope.fence.epoch < 0)',
  ]),
  bug('no new epoch for a new lease', [state, 'this.#epoch += 1;', 'this.#epoch = Math.max(1, this.#epoch);']),
  // A database that was rewound.
  bug('nobody writes down that the era is another', [
    decide,
    "if (facts.era > state.era) return record({ kind: 'EraEntered', era: facts.era });",
    '',
  ]),
  bug('undo covers what the journal knows', [
    'src/core/rotation.ts',
    'return state.steps[step] ?? (state.entered === null ? idle : idleAsFarAsKnown);',
    'return state.steps[step] ?? idle;',
  ]),
  bug('what a gate saw before the database was rewound counts', [
    decide,
    'const isLost = state.entered?.stale.includes(step.guard.gate) === true;',
    'const isLost = state.entered?.stale.includes(step.name) === true;',
  ]),
  bug('preflight takes what this rotation has promoted for the old one', [
    'src/core/preflight.ts',
    'if (facts.old.createdBy === plan.rotationId) {',
    "if (facts.old.createdBy === '') {",
  ]),
  // The journal.
  bug('effects happen before their intent is committed', [
    'src/engine/advance.ts',
    "const committed = session.hasPending ? yield* commit(session, CRASH_DUE_IN_MS) : 'committed';",
    "const committed = 'committed' as 'committed' | 'stale' | 'claimed' | 'lost';",
  ]),
  bug(
    'anybody may append anywhere',
    [state, 'seq !== append.expectedSeq ||', ''],
    [state, '!this.holds(row.plan.secret, append.epoch)', 'seq < 0'],
  ),
  bug(
    'two rotations of one secret fly at once',
    [state, "if (open !== undefined) return { kind: 'open', rotationId: open.plan.rotationId };", ''],
    [
      state,
      "const taken = this.#claimed(claims, plan.rotationId);\n    if (taken !== null) return { kind: 'claimed', ...taken };",
      '',
    ],
  ),
  bug('destroy is not decided', [
    decide,
    "if (step.kind === 'final' && state.decision === null) events.push({ kind: 'DestroyDecided' });",
    '',
  ]),
  bug(
    'a failed destroy turns back',
    [
      outcome,
      "if (at.direction === 'undo' || step.kind === 'final' || state.decision === 'destroy') {",
      "if (at.direction === 'undo') {",
    ],
    [state, 'if (decision !== null && row.decision !== null && row.decision !== decision)', 'if (seq < 0)'],
  ),
  bug('nobody is told when it is due', [
    'src/engine/session.ts',
    "dueInMs: isOpen(derived.status) && derived.status !== 'parked' ? dueInMs : null,",
    'dueInMs: dueInMs === null ? 0 : null,',
  ]),
  bug('sealed values are kept', [
    state,
    '      row.sealed.clear();\n      row.dueMs = null;',
    '      row.dueMs = null;',
  ]),
  bug('values are not sealed with their outcome', ['src/engine/advance.ts', 'session.seal(outcome.sealed);', '']),
];
