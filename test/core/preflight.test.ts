import { describe, expect, it } from 'vitest';
import type { Moment } from '../../src/core/decide.js';
import type { Plan } from '../../src/core/plan.js';
import { type PreflightFacts, judgePreflight } from '../../src/core/preflight.js';
import { aMoment, answers, lookedMs } from '../support/evidence.js';
import { aPlan, promptPolicy } from '../support/plans.js';

const old = { version: 1, identity: 'app_a', digest: 'digest-of-old', createdBy: null };
const canaryMaxMs = 30_000;

function judge(
  facts: Partial<PreflightFacts> = {},
  { plan, moment, rewound = false }: { plan?: Partial<Plan>; moment?: Partial<Moment>; rewound?: boolean } = {},
) {
  return judgePreflight(
    { plan: aPlan({ policy: { ...promptPolicy, canaryMaxMs }, ...plan }), moment: aMoment(moment), rewound },
    { old, previous: 9, system: 'system-1', answers: answers('accepted'), findings: [], ...facts },
  );
}

describe('preflight', () => {
  it('passes where the current credential is accepted everywhere, and claims the principal at the system', () => {
    expect(judge()).toEqual({
      kind: 'pass',
      output: { old: { ...old, accepted: true }, previous: 9, system: 'system-1' },
      claims: ['principal:system-1:billing'],
    });
  });

  it('passes for a secret without a version', () => {
    expect(judge({ old: null, answers: [] })).toMatchObject({ kind: 'pass', output: { old: null } });
  });

  it('waits while it is held, before anything else is said', () => {
    const findings = [{ sentence: 'no privilege', cure: 'GRANT …' }];
    expect(judge({ findings }, { moment: { held: true } })).toMatchObject({ kind: 'wait', why: 'held' });
  });

  it('fails with what would make the rotation fail later, and its cure', () => {
    const findings = [
      { sentence: 'the admin may not create roles', cure: 'ALTER ROLE …' },
      { sentence: 'second', cure: 'second' },
    ];
    expect(judge({ findings, old: null })).toEqual({
      kind: 'fail',
      code: 'PREFLIGHT_FAILED',
      facts: { finding: 'the admin may not create roles', cure: 'ALTER ROLE …' },
    });
  });

  describe('of a rotation that has made the current credential itself, and knows nothing of it', () => {
    const own = { ...old, createdBy: 'r1' };

    it('fails in a newer era, accepted or not', () => {
      const used = { kind: 'fail', code: 'PRINCIPAL_IN_USE', facts: { principal: 'app_a' } };
      expect(judge({ old: own }, { rewound: true })).toMatchObject(used);
      expect(judge({ old: own }, { rewound: true, plan: { repair: true } })).toMatchObject(used);
      expect(judge({ old: own, answers: answers('unknown') }, { rewound: true })).toMatchObject(used);
      expect(judge({ old: own }, { rewound: true, moment: { held: true } })).toMatchObject({ kind: 'wait' });
      expect(judge({ old: { ...own, createdBy: 'r0' } }, { rewound: true })).toMatchObject({ kind: 'pass' });
    });

    it('parks where nobody has noticed that the database was rewound', () => {
      expect(judge({ old: own })).toEqual({ kind: 'park', code: 'DATABASE_REWOUND', facts: {} });
      expect(judge({ old: { ...own, createdBy: 'r0' } })).toMatchObject({ kind: 'pass' });
    });
  });

  it.each(['refused', 'absent'] as const)('fails where one endpoint answers %s', (answer) => {
    expect(judge({ answers: answers('accepted', answer) })).toEqual({
      kind: 'fail',
      code: 'CURRENT_REFUSED',
      facts: { endpoint: 'two' },
    });
  });

  it('fails where the current credential came from outside and nobody has said that it may be destroyed', () => {
    expect(judge({}, { plan: { adopted: false } })).toEqual({
      kind: 'fail',
      code: 'PREFLIGHT_FAILED',
      facts: {
        finding: expect.stringMatching(/^version 1 came from outside/),
        cure: expect.stringMatching(/`adopted: true`.* \/billing\/db/),
      },
    });
    expect(judge({ old: { ...old, createdBy: 'r0' } }, { plan: { adopted: false } })).toMatchObject({ kind: 'pass' });
    const oneLive = { ...aPlan().capabilities, overlap: 'one-live' } as const;
    expect(judge({}, { plan: { adopted: false, capabilities: oneLive } })).toMatchObject({ kind: 'pass' });
  });

  it('takes a refused credential as a fact where it repairs', () => {
    expect(judge({ answers: answers('refused') }, { plan: { repair: true } })).toMatchObject({
      kind: 'pass',
      output: { old: { ...old, accepted: false } },
    });
  });

  it('takes a credential that one endpoint still accepts as one that is in use, where it repairs', () => {
    const half = answers('refused', 'accepted');
    expect(judge({ answers: half }, { plan: { repair: true } })).toMatchObject({
      kind: 'pass',
      output: { old: { accepted: true } },
    });
    expect(judge({ answers: half })).toMatchObject({ kind: 'fail', code: 'CURRENT_REFUSED' });
  });

  it('takes an accepted credential as accepted where it repairs', () => {
    expect(judge({}, { plan: { repair: true } })).toMatchObject({ output: { old: { accepted: true } } });
  });

  it.each([
    ['one endpoint does not answer', answers('accepted', 'unknown')],
    ['one refuses and the other does not answer', answers('refused', 'unknown')],
    ['no endpoint was asked', []],
  ])('waits where %s, even where it repairs', (_, asked) => {
    expect(judge({ answers: asked })).toMatchObject({ kind: 'wait' });
    expect(judge({ answers: asked }, { plan: { repair: true } })).toMatchObject({ kind: 'wait' });
  });

  it('gives up after its time, and not a millisecond before', () => {
    const facts = { answers: answers('accepted', 'unknown') };
    expect(judge(facts, { moment: { openedMs: lookedMs - canaryMaxMs + 1 } })).toMatchObject({
      kind: 'wait',
      why: 'no answer from two',
    });
    expect(judge(facts, { moment: { openedMs: lookedMs - canaryMaxMs } })).toMatchObject({
      kind: 'fail',
      code: 'RETRIES_EXHAUSTED',
      facts: { step: 'preflight', last: 'TARGET_UNREACHABLE' },
    });
  });
});
