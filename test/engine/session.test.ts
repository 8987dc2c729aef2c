import { describe, expect, it } from 'vitest';
import { stepState } from '../../src/core/rotation.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { Session } from '../../src/engine/session.js';
import type { Surroundings } from '../../src/ports/journal.js';
import { aJournal, done, passed, requestedMs } from '../support/journal.js';
import { aPlan } from '../support/plans.js';

const fence = { era: 1, epoch: 7, known: true };
const calm: Surroundings = { nowMs: requestedMs + 10, held: false, waived: [], guardSeq: 3, commands: [] };
const later: Surroundings = { ...calm, nowMs: requestedMs + 50, held: true, waived: ['app'], guardSeq: 4 };
const opened: RotationEvent = { kind: 'GateOpened', step: 'drain' };
const intended: RotationEvent = { kind: 'StepIntended', step: 'disable', attempt: 1 };
const guard = { guardSeq: 3, notBeforeMs: 0, notAfterMs: requestedMs + 5_000 };
const sealed = [{ slot: 'new', sealed: new Uint8Array([1]) }];

const aSession = (...events: readonly RotationEvent[]) =>
  new Session({ events: aJournal(aPlan(), events), surroundings: calm }, fence);

describe('an executor that has something to write', () => {
  it('sees it as if it were committed now, by itself', () => {
    const session = aSession(...passed('look'));
    expect(session.hasPending).toBe(false);
    session.record([intended]);
    expect(session.hasPending).toBe(true);
    expect(session.state).toMatchObject({ seq: 4, intent: { step: 'disable', epoch: 7, atMs: calm.nowMs } });
    expect(session.facts).toEqual({
      epoch: 7,
      era: 1,
      nowMs: calm.nowMs,
      held: false,
      waived: [],
      guardSeq: 3,
      commands: [],
      refusedMs: null,
    });
  });

  it('commits all of it at once, at the sequence it knows, under its epoch', () => {
    const session = aSession(...passed('look'));
    session.record([opened]);
    session.seal(sealed);
    session.claim(['principal:s:billing']);
    session.record([intended], guard);
    expect(session.batch(1_000)).toEqual({
      rotationId: 'r1',
      epoch: 7,
      expectedSeq: 3,
      events: [opened, intended],
      derived: expect.objectContaining({ status: 'running', step: 'disable' }),
      sealed,
      dueInMs: 1_000,
      guard,
      claims: ['principal:s:billing'],
    });
  });

  it('names neither guard nor claims where there are none', () => {
    const session = aSession();
    session.record([opened]);
    expect(session.batch(0)).not.toHaveProperty('guard');
    expect(session.batch(0)).not.toHaveProperty('claims');
  });

  it.each<[string, RotationEvent]>([
    ['has ended', { kind: 'RotationClosed', status: 'completed' }],
    ['is parked', { kind: 'Parked', code: 'HELD', facts: {} }],
  ])('asks for no wakeup where the rotation %s', (_, event) => {
    const session = aSession();
    session.record([event]);
    expect(session.batch(1_000).dueInMs).toBeNull();
  });
});

describe('a commit', () => {
  function committing() {
    const session = aSession(...passed('look'));
    session.record([opened]);
    session.seal(sealed);
    session.claim(['principal:s:billing']);
    session.record([intended], guard);
    return session;
  }
  const nothingMore = { events: [], sealed: [] };

  it('that was taken is the state from then on, at its time, and nothing is pending', () => {
    const session = committing();
    expect(session.settle({ kind: 'appended', seq: 5, atMs: requestedMs + 40, surroundings: later })).toBe('committed');
    expect(session.hasPending).toBe(false);
    expect(session.state).toMatchObject({ seq: 5, intent: { epoch: 7, atMs: requestedMs + 40 } });
    expect(stepState(session.state, 'drain')).toMatchObject({ openedMs: requestedMs + 40 });
    expect(session.facts).toMatchObject({ nowMs: later.nowMs, held: true, waived: ['app'], guardSeq: 4 });
    const next = session.batch(0);
    expect(next).toMatchObject({ ...nothingMore, expectedSeq: 5 });
    expect(next).not.toHaveProperty('guard');
    expect(next).not.toHaveProperty('claims');
  });

  it('that was refused as stale loses what the guard allowed, and keeps what came before', () => {
    const session = committing();
    expect(session.settle({ kind: 'stale', surroundings: later })).toBe('stale');
    expect(session.facts).toMatchObject({ held: true, guardSeq: 4 });
    const next = session.batch(0);
    expect(next).toMatchObject({ expectedSeq: 3, events: [opened], sealed, claims: ['principal:s:billing'] });
    expect(next).not.toHaveProperty('guard');
  });

  it('that was refused as stale without a guard keeps nothing', () => {
    const session = aSession();
    session.record([opened]);
    expect(session.settle({ kind: 'stale', surroundings: later })).toBe('stale');
    expect(session.hasPending).toBe(false);
  });

  it('that claims what another rotation holds turns this one back, and nothing of it is kept', () => {
    const session = committing();
    expect(session.settle({ kind: 'claimed', rotationId: 'r9', key: 'principal:s:billing' })).toBe('claimed');
    const next = session.batch(0);
    expect(next).toMatchObject({ expectedSeq: 3, sealed: [] });
    expect(next.events).toEqual([
      {
        kind: 'RollbackDecided',
        code: 'PRINCIPAL_BUSY',
        facts: expect.objectContaining({ secret: '/billing/db', rotation: 'r9', key: 'principal:s:billing' }),
      },
    ]);
    expect(next).not.toHaveProperty('guard');
    expect(next).not.toHaveProperty('claims');
  });

  it.each([{ kind: 'lost' }, { kind: 'decided', decision: 'destroy' }] as const)(
    'that was refused as $kind is the end of this executor',
    (appended) => {
      expect(committing().settle(appended)).toBe('lost');
    },
  );
});

it('a commit hands out copies: what is recorded after it does not change it', () => {
  const session = aSession(...done('create'));
  session.record([opened]);
  const batch = session.batch(0);
  session.record([intended]);
  session.seal(sealed);
  expect(batch).toMatchObject({ events: [opened], sealed: [] });
});
