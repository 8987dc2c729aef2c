import { describe, expect, it } from 'vitest';
import { renderCredential } from '../../src/core/credential.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { Secret } from '../../src/core/secret.js';
import type { Scope } from '../../src/ports/step-ports.js';
import { promptPolicy } from '../support/plans.js';
import type { SimulatedConsumer } from './consumers.js';
import { Hand, done, fields, intends, newValue, secret, turns } from './oracle-hand.js';

describe('the oracle finds', () => {
  it('nothing in a world in which nothing is wrong', () => {
    const hand = new Hand().promoted();
    hand.oracle.look();
    hand.commits([intends('disable')]);
    hand.does({ method: 'disable', identity: 'app1_a' }, 'disable', () =>
      hand.ground.target.changeByHand('app1_a', { login: false }),
    );
    hand.oracle.look();
    expect(hand.broken).toEqual([]);
  });

  it('I1 where current names what is refused, unless a person broke that', () => {
    const hand = new Hand();
    hand.ground.target.changeByHand('app1_a', { login: false });
    hand.oracle.look();
    expect(hand.invariants()).toEqual(['I1']);
    const excused = new Hand();
    excused.ground.breakByHand('app1_a', null);
    excused.oracle.look();
    expect(excused.broken).toEqual([]);
  });

  it('I13 where a rotation that repairs nothing begins with what is refused', () => {
    const begins = (hand: Hand): Hand => {
      hand.ground.target.changeByHand('app1_a', { login: false });
      const old = { version: 1, identity: 'app1_a', digest: '', createdBy: null, accepted: true };
      return hand
        .commits([intends('preflight')])
        .commits([done('preflight', { old, system: 'target1', previous: null })]);
    };
    expect(begins(new Hand()).said()).toMatch(/begins though what current names is refused/);
    expect(begins(new Hand({}, { repair: true })).said()).not.toMatch(/begins though/);
  });

  it('I1 where consumers are sent to what their canary has not tried', () => {
    const consumers = [{ name: 'app', url: null, canary: true, required: true, cacheTtlMs: 0 }];
    const promotes = (hand: Hand): Hand =>
      hand.promoted().does({ method: 'moveCurrent', version: 2 }, 'promote', () => undefined);
    const untried = promotes(new Hand({ consumers }));
    expect(untried.said()).toMatch(/promotes version 2, which app has not tried/);
    const tried = new Hand({ consumers });
    tried.proved.add(2);
    expect(promotes(tried).said()).not.toMatch(/has not tried/);
    const one = { ...promptPolicy, canaries: { count: 1 } };
    const two = [...consumers, { ...consumers[0]!, name: 'batch' }];
    expect(promotes(new Hand({ consumers: two }, { policy: one })).said()).toMatch(/has not tried/);
  });

  it('I1 where the canary passes and a check was not good at its last look', () => {
    const check = {
      name: 'errors',
      kind: 'http',
      url: 'https://errors.invalid/',
      expectStatus: 200,
      failAfter: 1,
    } as const;
    const passes = (hand: Hand): string =>
      hand
        .promoted()
        .commits([done('canary', { verifiedMs: 0 })])
        .said();
    expect(passes(new Hand({}, { checks: [check] }))).toMatch(/its checks were not good/);
    const checked = new Hand({}, { checks: [check] });
    checked.checked = true;
    expect(passes(checked)).not.toMatch(/its checks/);
  });

  it('I1 where a consumer is refused with what it rightly holds', () => {
    const hand = new Hand();
    const version = hand.store.read(secret.id, 'current');
    if (version === null) throw new TypeError('there is a version');
    const consumer = { name: 'app', isHonest: true } as unknown as SimulatedConsumer;
    hand.oracle.complained(hand.ground, consumer, { version, readMs: 0 });
    expect(hand.invariants()).toEqual(['I1']);
  });

  const required = [{ name: 'app', url: null, canary: false, required: true, cacheTtlMs: 0 }];
  const clauses: Readonly<Record<string, (hand: Hand) => void>> = {
    '(a) disable: current is not on the new version': (hand) => hand.store.moveByHand(secret.id, 1),
    '(a) disable: nobody has read the label lately': (hand) => hand.clock.pass(60_000),
    '(b) disable: the new credential is refused': (hand) => hand.ground.target.changeByHand('app1_b', { login: false }),
    '(c) disable: app does not hold the new version': (hand) => {
      hand.holds = () => false;
    },
    '(f) disable: the secret is held': (hand) => {
      hand.held = true;
    },
    '(g) disable: the target is another system': (hand) => {
      hand.ground.system = 'another';
    },
  };
  for (const [what, spoil] of Object.entries(clauses)) {
    it(`I2 ${what}`, () => {
      const hand = new Hand({ consumers: required }).promoted();
      spoil(hand);
      hand.commits([intends('disable')]);
      expect(hand.broken).toContainEqual({ invariant: 'I2', what });
    });
  }

  it('I2 (d) where grace is not over, (e) where the old one is in use, (W) where the watch was cut', () => {
    const policy = { ...promptPolicy, graceMs: 60_000, quietMs: 60_000, watchMs: 60_000, maxSessionAgeMs: 60_000 };
    const hand = new Hand({}, { policy });
    hand.ground.opened('app1_a');
    hand.clock.pass(1);
    hand.promoted();
    hand.ground.opened('app1_a');
    hand.ground.openings.seen('app1_a', 1, hand.ground.target.sessionsOf('app1_a'));
    hand.clock.pass(8_000);
    hand.commits([intends('disable')]).commits([done('disable', null)]);
    hand.commits([{ kind: 'DestroyDecided' }, intends('destroy')]);
    for (const clause of ['(d)', '(e)', '(W)', '(h)']) expect(hand.said()).toContain(clause);
  });

  it('I2 (e) where a look wrote down that the old one was in use, and not where the look was lost', () => {
    const looks = (ended: RotationEvent): string => {
      const hand = new Hand({}, { policy: { ...promptPolicy, quietMs: 60_000 } }).promoted();
      hand.ground.opened('app1_a');
      hand.ground.openings.seen('app1_a', 1, hand.ground.target.sessionsOf('app1_a'));
      hand.ground.target.closeSession('app1_a', hand.clock.nowMs());
      hand.commits([ended]);
      hand.clock.pass(8_000);
      return hand.commits([intends('disable')]).said();
    };
    const waits: RotationEvent = { kind: 'GateWaiting', step: 'drain', facts: {}, why: 'quiet', againInMs: 1 };
    expect(looks(waits)).toContain('(e) disable: a session with the old one was opened');
    const failed = { step: 'drain', code: 'STATE_UNAVAILABLE', facts: {}, certain: true, retryInMs: 1 } as const;
    expect(looks({ kind: 'StepFailed', ...failed })).not.toContain('(e)');
  });

  it('I1, I2 and I6 of a secret of which a rotation was forgotten wholly, once one that was accepted since has completed', () => {
    const completed: RotationEvent = { kind: 'RotationClosed', status: 'completed' };
    const breaks = (hand: Hand): Hand => {
      hand.ground.target.changeByHand('app1_b', { login: false });
      hand.oracle.look();
      return hand;
    };
    const hand = new Hand();
    hand.ground.target.adopt({ identity: 'forgotten', value: newValue });
    hand.oracle.forget(secret.id);
    expect(breaks(hand.promoted()).broken).toEqual([]);
    hand.ground.target.changeByHand('app1_b', { login: true });
    hand.commits([completed]);
    expect(hand.invariants()).toEqual(expect.arrayContaining(['I2', 'I6']));
    expect(hand.said()).not.toContain('forgotten');
    hand.broken.length = 0;
    expect(breaks(hand).invariants()).toEqual(['I1']);

    const before = new Hand();
    before.oracle.rewind(false);
    expect(breaks(before.promoted().commits([completed])).broken).toEqual([]);
  });

  it('I2 where a completed rotation has left the old credential alive, and I6 where previous is elsewhere', () => {
    const hand = new Hand().promoted();
    hand.commits([{ kind: 'RotationClosed', status: 'completed' }]);
    expect(hand.invariants()).toEqual(expect.arrayContaining(['I2', 'I4', 'I6']));
  });

  it('I3 where a step touches the old credential, and I10 where it does so without an intent', () => {
    const hand = new Hand().promoted();
    hand.does({ method: 'disable', identity: 'app1_a' }, 'stage', () => undefined);
    expect(hand.invariants()).toEqual(['I10', 'I3']);
  });

  it('I5 where a value is made live that is sealed nowhere', () => {
    const hand = new Hand().commits([intends('create')]);
    hand.sealed = false;
    hand.does({ method: 'create', identity: 'app1_b' }, 'create', () => undefined);
    expect(hand.invariants()).toEqual(['I5']);
  });

  it('I6 where promote leaves previous off the old version', () => {
    const hand = new Hand().promoted();
    hand.does({ method: 'moveCurrent', version: 2 }, 'promote', () => undefined);
    expect(hand.invariants()).toEqual(['I6']);
  });

  it('I7 where a value is put that nobody generated, and I15 where a second version is', () => {
    for (const value of ['[redacted]-000000000000000', 'nobody-generated-this-one-0000']) {
      const hand = new Hand().commits([intends('stage')]);
      const put = () => {
        const document = renderCredential({ identity: 'app1_b', value: Secret.fromText(value) }, fields);
        const fence = { era: 1, epoch: 1, known: true };
        // The memory store asks no more of a scope than this.
        const scope = { plan: hand.plan, fence } as unknown as Scope;
        try {
          void hand.store.port.putPending(scope, document);
        } catch {
          // What the store itself refuses has not been put.
        }
      };
      hand.does({ method: 'putPending' }, 'stage', put);
      expect(hand.invariants()).toEqual(value.startsWith('[') ? [] : ['I7']);
      hand.store.versionsOf = () => 2;
      hand.does({ method: 'putPending' }, 'stage', () => undefined);
      expect(hand.invariants()).toContain('I15');
    }
  });

  it('I8 where two rotations of one secret, or of one principal, are open', () => {
    const hand = new Hand();
    hand.oracle.accepted({ ...hand.plan, rotationId: 'r2' });
    expect(hand.invariants()).toEqual(['I8']);
    const shared = new Hand();
    const output = { old: null, system: 'target1', previous: null };
    shared.oracle.accepted({ ...shared.plan, rotationId: 'r2', secret: 'sim:/app2/db' });
    shared.commits([done('preflight', output)]).commits([done('preflight', output)], 2, 'r2');
    expect(shared.invariants()).toEqual(['I8']);
  });

  it('I9 where an older epoch commits, or has an effect at a target that fences', () => {
    const hand = new Hand().commits([intends('create')], 2).commits([intends('create')], 1);
    expect(hand.invariants()).toEqual(['I9']);
    const fenced = new Hand().commits([intends('create')], 1).commits([intends('create')], 2);
    fenced.does({ method: 'create', identity: 'app1_b' }, 'create', () => undefined, 2);
    fenced.does({ method: 'create', identity: 'app1_b' }, 'create', () => undefined, 1);
    expect(fenced.invariants()).toEqual(['I9']);
    const store = new Hand().commits([intends('stage')]);
    store.does({ method: 'retirePending', late: true }, 'stage', () => undefined);
    expect(store.invariants()).toEqual(['I9']);
  });

  it('I12 where both ways are decided, or destroying goes without a decision', () => {
    const hand = new Hand()
      .promoted()
      .commits([{ kind: 'DestroyDecided' }])
      .commits([turns]);
    expect(hand.invariants()).toEqual(['I12']);
    const undecided = new Hand().promoted().commits([intends('destroy')]);
    undecided.broken.length = 0;
    undecided.does({ method: 'destroy', identity: 'app1_a' }, 'destroy', () => undefined);
    expect(undecided.invariants()).toEqual(['I12']);
  });

  it('no I12 where what a rewound database has forgotten was decided, and arrives', () => {
    const decided: RotationEvent = { kind: 'DestroyDecided' };
    const hand = new Hand().promoted().commits([decided, intends('destroy')]);
    hand.oracle.rewind(true);
    hand.broken.length = 0;
    hand.does({ method: 'destroy', identity: 'app1_a' }, 'destroy', () => undefined);
    expect(hand.invariants()).toEqual([]);
    const undecided = new Hand().promoted().commits([intends('destroy')]);
    undecided.oracle.rewind(true);
    undecided.broken.length = 0;
    undecided.does({ method: 'destroy', identity: 'app1_a' }, 'destroy', () => undefined);
    expect(undecided.invariants()).toEqual(['I12']);
  });

  it('I13 where a compensation harms what current names, or destroys what it has not switched off', () => {
    const hand = new Hand().promoted().commits([turns, { kind: 'UndoIntended', step: 'create', attempt: 1 }]);
    hand.does({ method: 'destroy', identity: 'app1_b' }, 'create', () => undefined);
    expect(hand.broken).toHaveLength(2);
    expect(hand.invariants()).toEqual(['I13']);
  });

  it('no I13 where only a target that was restored takes a late compensation', () => {
    const arrives = (late: boolean): readonly string[] => {
      const hand = new Hand().promoted().commits([turns, { kind: 'UndoIntended', step: 'create', attempt: 1 }]);
      hand.ground.isRestored = true;
      hand.does({ method: 'disable', identity: 'app1_b', late }, 'create', () =>
        hand.ground.target.changeByHand('app1_b', { login: false }),
      );
      hand.oracle.look();
      return hand.invariants();
    };
    expect(arrives(true)).toEqual([]);
    expect(arrives(false)).toEqual(['I13', 'I1']);
  });

  it('no I13 where a compensation that a rewound database has forgotten arrives before anything else is meant', () => {
    const sent = new Hand().promoted().commits([turns, { kind: 'UndoIntended', step: 'create', attempt: 1 }]);
    const arrives = (hand: Hand): Hand =>
      hand.does({ method: 'disable', identity: 'app1_b' }, 'create', () =>
        hand.ground.target.changeByHand('app1_b', { login: false }),
      );
    sent.oracle.rewind(true);
    sent.commits([{ kind: 'EraEntered', era: 2 }], 10_001);
    sent.broken.length = 0;
    expect(arrives(sent).invariants()).toEqual([]);
    const late = new Hand().promoted().commits([turns, { kind: 'UndoIntended', step: 'create', attempt: 1 }]);
    late.oracle.rewind(true);
    late.commits([{ kind: 'EraEntered', era: 2 }, { kind: 'FenceRaised' }], 10_001);
    late.broken.length = 0;
    expect(arrives(late).invariants()).toContain('I13');
  });

  it('I13 where a label goes back to what is refused, is left pending, or is not back', () => {
    const hand = new Hand().promoted().commits([turns, { kind: 'UndoIntended', step: 'promote', attempt: 1 }]);
    hand.ground.target.changeByHand('app1_a', { login: false });
    hand.does({ method: 'moveCurrent', version: 1 }, 'promote', () => hand.store.moveByHand(secret.id, 1));
    expect(hand.invariants()).toEqual(['I13']);
    const left = new Hand()
      .promoted()
      .commits([turns])
      .commits([{ kind: 'RotationClosed', status: 'rolled_back' }]);
    expect(left.invariants()).toEqual(expect.arrayContaining(['I13', 'I4']));
  });

  it('L2 where it parks with the old credential off or gone', () => {
    const parked: RotationEvent = { kind: 'Parked', code: 'ADMIN_REFUSED', facts: { rotation: 'r1' } };
    const hand = new Hand().promoted();
    hand.ground.target.changeByHand('app1_a', { login: false });
    hand.commits([parked]);
    hand.ground.target.changeByHand('app1_a', null);
    hand.commits([parked]);
    expect(hand.broken.map((each) => each.invariant)).toEqual(['L2', 'L2']);
  });

  it('L2 where a person is asked about who needs the old one, and it is off, unless it is exposed', () => {
    const needed: RotationEvent = { kind: 'Parked', code: 'OLD_STILL_NEEDED', facts: { rotation: 'r1' } };
    const off = (exposed: boolean): Hand => {
      const hand = new Hand({}, { exposed }).promoted().commits([intends('disable'), done('disable', {})]);
      hand.ground.target.changeByHand('app1_a', { login: false });
      hand.broken.length = 0;
      return hand.commits([needed]);
    };
    expect(off(false).invariants()).toEqual(['L2']);
    expect(off(true).invariants()).toEqual([]);
  });

  it('L2 where what is lost has switched the old one off, once it was switched on since', () => {
    const parked: RotationEvent = { kind: 'Parked', code: 'ADMIN_REFUSED', facts: { rotation: 'r1' } };
    const hand = new Hand().promoted().commits([intends('disable')]);
    hand.oracle.rewind(true);
    hand.promoted();
    hand.ground.target.changeByHand('app1_a', { login: false });
    hand.broken.length = 0;
    hand.commits([parked]);
    expect(hand.invariants()).toEqual([]);
    hand.commits([turns, { kind: 'UndoDone', step: 'disable', tookMs: 1 }, parked]);
    expect(hand.invariants()).toEqual(['L2']);
  });
});
