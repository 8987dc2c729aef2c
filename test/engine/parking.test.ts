import { describe, expect, it } from 'vitest';
import { type ErrorCode, catalogue, cureOf, keyturnError } from '../../src/core/errors.js';
import type { Status } from '../../src/core/rotation.js';
import type { CommandKind } from '../../src/core/rotation-event.js';
import { Secret } from '../../src/core/secret.js';
import type { EngineRequest } from '../../src/engine/request.js';
import stagedRotation from '../../workflows/staged-rotation.js';
import { answers } from '../support/evidence.js';
import { promptPolicy } from '../support/plans.js';
import { aScenario, bothLive, command, planned } from './driven.js';
import type { Scenario } from './scenarios.js';
import { World } from './world.js';

/** A way into a parked rotation and the way out of it that its message names. */
interface Parking {
  readonly code: ErrorCode;
  /** Makes the trouble as long as it is there. */
  readonly scenario: Partial<Scenario>;
  readonly trouble?: (request: EngineRequest, world: World) => { readonly answer: unknown } | undefined;
  /** What a person mends before typing the command. */
  readonly mend?: (world: World) => void;
  readonly command: CommandKind;
  readonly ends: Status;
  /** True where it parks once the old credential was taken away. */
  readonly late?: true;
}

const is = (request: EngineRequest, step: string, method: string): boolean =>
  request.authority?.step === step && request.method === method;
const pending: Partial<Scenario> = {
  answer: (_, phase) => ({ answer: phase === 'drain' ? 'pending' : 'proved', reason: '' }),
};
const refusing: Partial<Scenario> = {
  answer: (_, phase) => ({ answer: phase === 'drain' ? 'refused' : 'proved', reason: 'it does not work' }),
};
const unseen: Partial<Scenario> = {
  plan: {
    policy: { ...promptPolicy, soakMs: 2_000, unknownChecks: 'park' },
    checks: [{ name: 'page', failAfter: 2, kind: 'http', url: 'https://a.example', expectStatus: 200 }],
  },
};
/** A consumer finds that it cannot work without the old credential once that is off. */
const exposed: Partial<Scenario> = planned({ exposed: true });
const refusesInWatch = at('watch', 'challenge', () => [
  { consumer: 'batch', instance: null, answer: 'refused', reason: 'a login was refused' },
]);
const undoing = (request: EngineRequest, world: World, step: string, method: string): boolean =>
  world.state.status === 'rolling_back' && is(request, step, method);

/** Answers or throws in place of one question of one step, while there is trouble. */
function at(step: string, method: string, give: (world: World) => unknown): NonNullable<Parking['trouble']> {
  return (request, world) => (is(request, step, method) ? { answer: give(world) } : undefined);
}

function throwing(code: ErrorCode): () => never {
  return () => {
    const known = {
      target: 'billing',
      endpoint: 'one',
      identity: 'billing_a',
      folder: '/opt/acme',
      import: 'acme',
      cure: 'x',
    };
    throw keyturnError(code, known);
  };
}

function killOld({ memory, old }: World): void {
  memory.target.adopt({ identity: old!.identity, value: Secret.fromText('changed-by-hand-so-that-it-is-dead') });
}

const parkings: readonly Parking[] = [
  {
    code: 'ADMIN_REFUSED',
    scenario: {},
    trouble: at('create', 'create', throwing('ADMIN_REFUSED')),
    command: 'resume',
    ends: 'completed',
  },
  {
    code: 'UNKNOWN_ROTATOR',
    scenario: {},
    trouble: at('preflight', 'identify', throwing('UNKNOWN_ROTATOR')),
    command: 'resume',
    ends: 'completed',
  },
  {
    code: 'CONTRACT_MISMATCH',
    scenario: {},
    trouble: at('preflight', 'identify', throwing('CONTRACT_MISMATCH')),
    command: 'resume',
    ends: 'completed',
  },
  {
    code: 'ROTATOR_UNFIT',
    scenario: {},
    trouble: at('preflight', 'identify', throwing('ROTATOR_UNFIT')),
    command: 'resume',
    ends: 'completed',
  },
  {
    code: 'ROTATOR_INTEGRITY',
    scenario: {},
    trouble: at('create', 'create', throwing('ROTATOR_INTEGRITY')),
    command: 'resume',
    ends: 'completed',
  },
  {
    code: 'ROTATOR_QUARANTINED',
    scenario: {},
    trouble: at('create', 'create', throwing('ROTATOR_QUARANTINED')),
    command: 'resume',
    ends: 'completed',
  },
  {
    code: 'ROTATOR_QUARANTINED',
    scenario: {},
    trouble: at('destroy', 'destroy', throwing('ROTATOR_QUARANTINED')),
    command: 'resume',
    ends: 'completed',
    late: true,
  },
  { code: 'OLD_STILL_NEEDED', scenario: {}, trouble: refusesInWatch, command: 'resume', ends: 'completed' },
  { code: 'OLD_STILL_NEEDED', scenario: {}, trouble: refusesInWatch, command: 'rollback', ends: 'rolled_back' },
  {
    code: 'OLD_STILL_NEEDED',
    scenario: exposed,
    trouble: refusesInWatch,
    command: 'rollback',
    ends: 'rolled_back',
    late: true,
  },
  {
    code: 'OLD_STILL_NEEDED',
    scenario: { ...refusing, ...planned({ policy: { ...promptPolicy, onRefusal: 'park' } }) },
    command: 'rollback',
    ends: 'rolled_back',
  },
  { code: 'NOT_TURNED_BACK', scenario: { ...refusing, ...exposed }, command: 'rollback', ends: 'rolled_back' },
  {
    code: 'REFERENCE_UNRESOLVED',
    scenario: {},
    trouble: at('preflight', 'identify', throwing('REFERENCE_UNRESOLVED')),
    command: 'resume',
    ends: 'completed',
  },
  {
    code: 'TARGET_CHANGED',
    scenario: {},
    trouble: at('drain', 'identify', () => ({ system: 'another' })),
    command: 'resume',
    ends: 'completed',
  },
  {
    code: 'TARGET_CHANGED',
    scenario: {},
    trouble: at('watch', 'identify', () => ({ system: 'another' })),
    command: 'resume',
    ends: 'completed',
    late: true,
  },
  {
    code: 'NEW_REFUSED',
    scenario: {},
    trouble: at('drain', 'verify', () => answers('refused')),
    command: 'rollback',
    ends: 'rolled_back',
  },
  {
    code: 'FOREIGN_VERSION',
    scenario: {},
    trouble: at('promote', 'read', () => null),
    command: 'resume',
    ends: 'completed',
  },
  {
    code: 'FOREIGN_VERSION',
    scenario: {},
    trouble: at('promote', 'read', () => null),
    command: 'rollback',
    ends: 'rolled_back',
  },
  {
    code: 'ALIAS_MOVED',
    scenario: {},
    trouble: at('promote', 'moveCurrent', () => ({ current: 77 })),
    command: 'resume',
    ends: 'completed',
  },
  {
    code: 'CANARY_UNDECIDED',
    scenario: unseen,
    trouble: at('canary', 'look', () => [{ check: 'page', kind: 'nothing', reason: 'ECONNREFUSED' }]),
    command: 'resume',
    ends: 'completed',
  },
  {
    code: 'CANARY_UNDECIDED',
    scenario: unseen,
    trouble: at('canary', 'look', () => []),
    command: 'rollback',
    ends: 'rolled_back',
  },
  {
    code: 'DRAIN_TIMED_OUT',
    scenario: pending,
    mend: ({ memory, plan }) => memory.state.waive({ rotationId: plan.rotationId, consumer: 'app' }),
    command: 'resume',
    ends: 'completed',
  },
  { code: 'DRAIN_TIMED_OUT', scenario: pending, command: 'rollback', ends: 'rolled_back' },
  {
    code: 'OLD_ALIVE_AGAIN',
    scenario: {},
    trouble: (request, { memory, old }) => {
      if (is(request, 'watch', 'probe')) memory.target.adopt(old!);
      return undefined;
    },
    mend: killOld,
    command: 'resume',
    ends: 'completed',
  },
  {
    code: 'OLD_ALIVE_AGAIN',
    scenario: {},
    trouble: (request, { memory, old }) => {
      if (is(request, 'watch', 'probe')) memory.target.adopt(old!);
      return undefined;
    },
    command: 'rollback',
    ends: 'rolled_back',
  },
  {
    code: 'OLD_STILL_ALIVE',
    scenario: {},
    trouble: at('destroy', 'probe', () => answers('refused', 'accepted')),
    command: 'resume',
    ends: 'completed',
    late: true,
  },
  {
    code: 'NOT_OURS',
    scenario: {},
    trouble: at('destroy', 'destroy', throwing('NOT_OURS')),
    command: 'resume',
    ends: 'completed',
    late: true,
  },
  {
    code: 'UNDONE_STILL_ALIVE',
    scenario: refusing,
    trouble: (request, world) =>
      undoing(request, world, 'create', 'probe') ? { answer: answers('accepted') } : undefined,
    command: 'resume',
    ends: 'rolled_back',
    late: true,
  },
  {
    code: 'UNDO_UNSAFE',
    scenario: refusing,
    trouble: (request, world) =>
      undoing(request, world, 'promote', 'probe') ? { answer: answers('refused') } : undefined,
    command: 'resume',
    ends: 'rolled_back',
  },
  {
    code: 'HELD',
    scenario: {},
    trouble: (request, { memory, plan }) => {
      if (is(request, 'disable', 'disable')) memory.state.hold(plan.secret, true);
      return undefined;
    },
    mend: ({ memory, plan }) => void memory.state.hold(plan.secret, false),
    command: 'resume',
    ends: 'completed',
  },
  {
    code: 'DATABASE_REWOUND',
    scenario: {},
    trouble: (request, { memory }) => {
      if (is(request, 'create', 'create')) {
        const { authority } = request;
        const scope = {
          ...authority!,
          fence: { era: 1, epoch: 900, known: false },
          signal: new AbortController().signal,
          deadlineMs: 1,
        };
        void memory.target.port.raise(scope);
      }
      return undefined;
    },
    mend: ({ memory }) => void memory.state.restored(),
    command: 'resume',
    ends: 'completed',
  },
  {
    code: 'FENCE_MISSING',
    scenario: {},
    // The first look of drain waits, so that what goes on holds a lease that knows of the token.
    trouble: (request, { memory, state }) => {
      if (is(request, 'drain', 'verify') && state.steps['drain']?.last === '') return { answer: answers('unknown') };
      if (is(request, 'disable', 'disable')) memory.target.loseToken();
      return undefined;
    },
    mend: ({ memory }) => void memory.state.restored(),
    command: 'resume',
    ends: 'completed',
  },
  {
    code: 'UNKNOWN_STEP',
    scenario: {
      prepare: (world) => {
        world.workflows = [];
      },
    },
    mend: (world) => {
      world.workflows = [stagedRotation];
    },
    command: 'resume',
    ends: 'completed',
  },
];

describe('a parked rotation', () => {
  it.each(parkings)(
    'with $code ends $ends by $command',
    ({ code, scenario, trouble, mend, command: kind, ends, late }) => {
      let troubled = true;
      const meddle: Scenario['meddle'] = (world, request) => (troubled ? trouble?.(request, world) : undefined);
      const world = new World(aScenario({ ...scenario, meddle, ends: 'parked' }));

      world.run();

      expect(world.state).toMatchObject({ status: 'parked', because: { code } });
      // What it says is complete: every fact is known.
      const { facts } = world.state.because!;
      if (catalogue[code].cure.includes('keyturn')) expect(cureOf(code, facts)).not.toContain('?');
      if (late === undefined && world.state.steps['create']?.phase === 'done') expect(bothLive(world)).toBe(true);

      troubled = false;
      mend?.(world);
      command(world, kind);
      world.run();

      expect(world.state.status).toBe(ends);
      expect(world.oracle.violations.filter(({ invariant }) => invariant !== 'L1')).toEqual([]);
    },
  );

  it('parks again where nothing was mended', () => {
    const world = new World(aScenario({ ...pending, ends: 'parked' }));
    for (let times = 0; times < 3; times += 1) {
      world.run();
      expect(world.state).toMatchObject({ status: 'parked', because: { code: 'DRAIN_TIMED_OUT' } });
      command(world, 'resume');
    }
    expect(bothLive(world)).toBe(true);
  });

  it('every code that parks is tried here', () => {
    const parking = Object.entries(catalogue).filter(([, each]) => each.class === 'park');
    const tried: readonly string[] = parkings.map(({ code }) => code);
    expect(parking.map(([code]) => code).filter((code) => !tried.includes(code))).toEqual([]);
  });
});
