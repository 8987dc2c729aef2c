import { describe, expect, it } from 'vitest';
import type { Capabilities } from '../../src/core/capabilities.js';
import { type ErrorCode, type ErrorFacts, keyturnError } from '../../src/core/errors.js';
import { renderCredential } from '../../src/core/credential.js';
import { Secret } from '../../src/core/secret.js';
import type { EngineRequest } from '../../src/engine/request.js';
import { create } from '../../workflows/steps/create.js';
import { answers } from '../support/evidence.js';
import { ableCapabilities } from '../support/plans.js';
import { aScenario, bothLive } from './driven.js';
import type { Scenario } from './scenarios.js';
import { World } from './world.js';

const provider: Capabilities = { ...ableCapabilities, fence: false, origin: 'provider' };
const creating = (world: World, request: EngineRequest, method: string, status = 'running'): boolean =>
  world.state.status === status && request.authority?.step === 'create' && request.method === method;
const refusingAtCanary: Pick<Scenario, 'answer' | 'ends'> = {
  answer: (_, phase) => ({ answer: phase === 'canary' ? 'refused' : 'proved', reason: 'a test' }),
  ends: 'rolled_back',
};

/** How create failed, in either direction. */
const failures = ({ memory, plan }: World): readonly (readonly [ErrorCode, ErrorFacts])[] =>
  (memory.state.load(plan.rotationId)?.events ?? []).flatMap(({ event }) =>
    (event.kind === 'StepFailed' || event.kind === 'UndoFailed') && event.step === 'create'
      ? [[event.code, event.facts] as const]
      : [],
  );

/** A person writes a version with this identity and points `current` at it. */
function nameByHand({ memory, plan, old }: World, identity: string): void {
  const document = renderCredential({ identity, value: old!.value }, plan.fields);
  memory.store.moveByHand(plan.secret, memory.store.putByHand(plan.secret, document));
}

it('says that it touches the target, so that a fence is raised or time passes before it is settled', () => {
  expect(create.touches).toEqual(['target']);
});

it('what `current` names is not made anew, and a person is told where to look', () => {
  let isNamed = false;
  const world = new World(
    aScenario({
      ends: 'rolled_back',
      meddle: (at, request) => {
        if (isNamed || !creating(at, request, 'read')) return;
        isNamed = true;
        nameByHand(at, 'billing_b');
      },
    }),
  );
  world.run();

  const [[code, facts] = []] = failures(world);
  expect(code).toBe('PRINCIPAL_IN_USE');
  expect(facts).toMatchObject({ principal: 'billing_b', target: world.plan.target });
  expect(facts?.['cure']).toMatch(/^Look where `current` of \/billing\/db is; /);
  expect(world.memory.target.madeFor(world.plan.rotationId)).toBe(0);
});

describe('a key that a provider makes', () => {
  /** The first answer of the provider is lost on the way, after it has made a key. */
  function losing(change: Partial<Scenario> & { readonly onRetry?: (world: World) => void }): World {
    let isLost = false;
    const { onRetry, ...rest } = change;
    return new World(
      aScenario({
        capabilities: provider,
        ...rest,
        meddle: (at, request) => {
          if (isLost && creating(at, request, 'list')) onRetry?.(at);
          if (isLost || !creating(at, request, 'create')) return;
          isLost = true;
          const scope = { ...request.authority!, signal: new AbortController().signal, deadlineMs: 1 };
          void at.memory.target.port.create(scope, { identity: at.plan.principal });
          throw new Error('the answer is lost');
        },
      }),
    );
  }
  const ofRotation = (world: World) =>
    world.memory.target.accounts().filter(({ tag }) => tag === world.plan.rotationId);

  it('and nobody has read is destroyed before another is made', () => {
    const world = losing({});
    world.run();

    expect(world.state.status).toBe('completed');
    expect(ofRotation(world).map(({ dead }) => dead)).toEqual([true, false]);
    expect(world.current()?.identity).toBe('billing-r1-2');
    expect(world.oracle.violations).toEqual([]);
  });

  it('and a person has taken into use is not destroyed', () => {
    const world = losing({ onRetry: (at) => void nameByHand(at, ofRotation(at)[0]!.identity), ends: 'parked' });
    world.run();

    expect(world.state).toMatchObject({
      status: 'parked',
      because: { code: 'UNDO_UNSAFE', facts: { step: 'create', secret: world.plan.path } },
    });
    expect(world.state.because?.facts['finding']).toMatch(/names the identity/);
    expect(failures(world).map(([code]) => code)).toEqual(['STEP_FAILED', 'UNDO_UNSAFE']);
    expect(ofRotation(world).map(({ dead }) => dead)).toEqual([false]);
  });

  it('of another rotation, or dead already, is left alone', () => {
    const asked: unknown[] = [];
    const world = new World(
      aScenario({
        capabilities: provider,
        meddle: (at, request) => {
          if (creating(at, request, 'destroy')) asked.push(request.args[0]);
          if (!creating(at, request, 'list')) return;
          return {
            answer: [
              { identity: 'theirs', rotationId: 'r0', live: true },
              { identity: 'ours-and-dead', rotationId: at.plan.rotationId, live: false },
              { identity: 'ours', rotationId: at.plan.rotationId, live: true },
            ],
          };
        },
      }),
    );
    world.run();

    expect(asked).toEqual(['ours']);
  });

  it('and a target without tags shows is known by not having been there before', () => {
    const [asked, seen]: [unknown[], unknown[]] = [[], []];
    const listed = ['made-by-us', 'there-before'].map((identity) => ({ identity, rotationId: null, live: true }));
    const world = new World(
      aScenario({
        capabilities: { ...provider, exclusive: true },
        meddle: (_, { port, method, args, authority }) => {
          if (port !== 'target') return undefined;
          if (method === 'propose') return { answer: { identity: 'billing-r1', existing: ['there-before'] } };
          if (method === 'destroy' && authority?.step === 'create') asked.push(args[0]);
          if (method === 'create') seen.push(args[0]);
          return method === 'list' ? { answer: listed } : undefined;
        },
      }),
    );
    world.run();

    expect(asked).toEqual(['made-by-us']);
    expect(seen).toEqual([{ identity: 'billing-r1' }]);
    expect(world.state.steps['propose']?.output).toEqual({ identity: 'billing-r1', existing: ['there-before'] });
  });

  it.each([
    ['nobody says that it is ours alone', {}, ['there-before']],
    ['nobody wrote down what was there before', { exclusive: true }, undefined],
  ])('and carries no tag is left alone where %s', (_, capabilities, existing) => {
    const asked: unknown[] = [];
    const world = new World(
      aScenario({
        capabilities: { ...provider, ...capabilities },
        meddle: (at, request) => {
          if (request.port !== 'target') return undefined;
          if (request.method === 'propose') return { answer: { identity: 'billing-r1', existing } };
          if (creating(at, request, 'destroy')) asked.push(request.args[0]);
          return request.method === 'list' ? { answer: [{ identity: 'k', rotationId: null, live: true }] } : undefined;
        },
      }),
    );
    world.run();

    expect(asked).toEqual([]);
  });

  it.each([
    ['no value', undefined, 'the provider returned none'],
    ['a value that can be guessed', Secret.fromText('short'), expect.stringMatching(/./)],
  ])('with %s is not gone on with', (_, value, finding) => {
    const world = new World(
      aScenario({
        capabilities: provider,
        ends: 'rolled_back',
        meddle: (at, request) => (creating(at, request, 'create') ? { answer: { identity: 'k', value } } : undefined),
      }),
    );
    world.run();

    expect(failures(world).map(([code, facts]) => [code, facts['secret'], facts['finding']])).toEqual([
      ['VALUE_UNFIT', world.plan.path, finding],
    ]);
    expect(world.state.status).toBe('rolled_back');
  });
});

describe('a create that is taken back', () => {
  it('destroys a key whose value nobody has, and tries no login with it', () => {
    let logins = 0;
    const world = new World(
      aScenario({
        capabilities: provider,
        ends: 'rolled_back',
        meddle: (at, request) => {
          if (creating(at, request, 'probe', 'rolling_back')) logins += 1;
          if (!creating(at, request, 'create')) return;
          const scope = { ...request.authority!, signal: new AbortController().signal, deadlineMs: 1 };
          void at.memory.target.port.create(scope, { identity: at.plan.principal });
          return { answer: { identity: at.plan.principal, value: Secret.fromText('short') } };
        },
      }),
    );
    world.run();

    expect(logins).toBe(0);
    expect(failures(world).map(([code]) => code)).toEqual(['VALUE_UNFIT']);
    expect(world.state.status).toBe('rolled_back');
    expect(world.memory.target.live()).toEqual(['billing_a']);
  });

  it('leaves alone what a person has pointed `current` at again after it was promoted and taken back', () => {
    const finding = '`current` names the identity that would be destroyed';
    let isNamed = false;
    const world = new World(
      aScenario({
        answer: (_, phase) => ({ answer: phase === 'drain' ? 'refused' : 'proved', reason: 'a test' }),
        ends: 'parked',
        meddle: (at, request) => {
          if (isNamed || !creating(at, request, 'open', 'rolling_back')) return;
          isNamed = true;
          at.memory.store.moveByHand(at.plan.secret, 2);
        },
      }),
    );
    world.run();

    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE', facts: { finding } } });
    expect(bothLive(world)).toBe(true);
  });

  it('is not done where the target did not destroy what it was told to', () => {
    const world = new World(
      aScenario({
        ...refusingAtCanary,
        capabilities: { ...ableCapabilities, disable: false },
        ends: 'parked',
        meddle: (at, request) => (creating(at, request, 'destroy', 'rolling_back') ? { answer: undefined } : undefined),
      }),
    );
    world.run();

    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDONE_STILL_ALIVE' } });
  });

  it('switches on at once what a person has pointed `current` at while it was switched off', () => {
    const world = new World(
      aScenario({
        ...refusingAtCanary,
        ends: 'parked',
        meddle: (at, request) => {
          if (creating(at, request, 'disable', 'rolling_back')) nameByHand(at, 'billing_b');
          return undefined;
        },
      }),
    );
    world.run();

    expect(failures(world).map(([code]) => code)).toEqual(['UNDO_UNSAFE']);
    expect(bothLive(world)).toBe(true);
  });

  it('destroys what it proposed where the target cannot list', () => {
    const unlisted = { ...ableCapabilities, list: false };
    const listed: string[] = [];
    const world = new World(
      aScenario({
        ...refusingAtCanary,
        capabilities: unlisted,
        meddle: (at, request) => {
          if (creating(at, request, 'list', 'rolling_back')) listed.push(request.method);
          return undefined;
        },
      }),
    );
    world.run();

    expect(listed).toEqual([]);
    expect(world.state.status).toBe('rolled_back');
    expect(world.memory.target.live()).toEqual(['billing_a']);
    expect(world.oracle.violations).toEqual([]);
  });

  it('destroys what a provider said it made where it cannot list', () => {
    const world = new World(aScenario({ ...refusingAtCanary, capabilities: { ...provider, list: false } }));
    world.run();

    expect(world.state.status).toBe('rolled_back');
    expect(world.memory.target.live()).toEqual(['billing_a']);
  });

  it('keeps the new one alive where nobody knows whether it was promoted and the old one is refused', () => {
    const world = new World(
      aScenario({
        ends: 'parked',
        meddle: (at, { authority, method }) => {
          if (authority?.step === 'promote' && method === 'moveCurrent' && at.state.status === 'running')
            throw keyturnError('STORE_UNAVAILABLE');
          if (authority?.step === 'stage' && method === 'retirePending')
            at.memory.target.changeByHand(at.old!.identity, {
              value: Secret.fromText('a-persons-own-idea-00000000000'),
            });
          return undefined;
        },
      }),
    );
    world.run();

    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE' } });
    expect(world.memory.target.live()).toContain('billing_b');
  });

  it('leaves alone what carries the tag of another rotation, and what is dead', () => {
    const asked: unknown[] = [];
    const world = new World(
      aScenario({
        ...refusingAtCanary,
        meddle: (at, request) => {
          if (creating(at, request, 'disable', 'rolling_back')) asked.push(request.args[0]);
          if (!creating(at, request, 'list', 'rolling_back')) return;
          return {
            answer: [
              { identity: 'theirs', rotationId: 'r0', live: true },
              { identity: 'dead', rotationId: at.plan.rotationId, live: false },
              { identity: 'billing_b', rotationId: at.plan.rotationId, live: true },
            ],
          };
        },
      }),
    );
    world.run();

    expect(asked).toEqual(['billing_b']);
  });

  it.each([
    ['cannot switch off', { ...ableCapabilities, disable: false }, 0],
    ['can switch off', ableCapabilities, 1],
  ] as const)(
    'of what `current` names parks, and a target that %s is asked to switch it on so often',
    (_, able, times) => {
      let isNamed = false;
      let enabled = 0;
      const world = new World(
        aScenario({
          ...refusingAtCanary,
          capabilities: able,
          ends: 'parked',
          meddle: (at, request) => {
            if (creating(at, request, 'enable', 'rolling_back')) enabled += 1;
            if (isNamed || !creating(at, request, 'open', 'rolling_back')) return;
            isNamed = true;
            nameByHand(at, 'billing_b');
          },
        }),
      );
      world.run();

      expect(world.state).toMatchObject({
        status: 'parked',
        because: {
          code: 'UNDO_UNSAFE',
          facts: { step: 'create', finding: '`current` names the identity that would be destroyed' },
        },
      });
      expect(enabled).toBe(times);
      expect(bothLive(world)).toBe(true);
    },
  );

  it.each([
    ['still accepted', answers('refused', 'accepted'), 'UNDONE_STILL_ALIVE', { endpoint: 'two' }],
    ['unknown', answers('refused', 'unknown'), 'TARGET_UNREACHABLE', { endpoint: 'two', target: 'billing' }],
    ['unknown, because nobody was asked', [], 'TARGET_UNREACHABLE', { endpoint: '?' }],
  ] as const)('is not done while a login with it is %s', (_, given, code, facts) => {
    let isGiven = false;
    const world = new World(
      aScenario({
        ...refusingAtCanary,
        ...(code === 'UNDONE_STILL_ALIVE' ? { ends: 'parked' } : {}),
        meddle: (at, request) => {
          if (isGiven || !creating(at, request, 'probe', 'rolling_back')) return;
          isGiven = true;
          return { answer: given };
        },
      }),
    );
    world.run();

    expect(failures(world)).toMatchObject([[code, facts]]);
  });
});
