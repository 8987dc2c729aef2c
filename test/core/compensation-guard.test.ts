import { describe, expect, it } from 'vitest';
import { type Named, guardUndoCreate, guardUndoPromote, mustAcceptNamed } from '../../src/core/compensation-guard.js';

const created = { identity: 'app_b', digest: 'digest-of-new' };

function named(change: Partial<Extract<Named, { kind: 'credential' }>> = {}): Named {
  return { kind: 'credential', version: 1, digest: 'digest-of-old', identity: 'app_a', ...change };
}

describe('undoing create', () => {
  it('is safe where `current` names another credential', () => {
    expect(guardUndoCreate(named(), created)).toBeUndefined();
  });

  it('is safe where `current` names nothing', () => {
    expect(guardUndoCreate({ kind: 'nothing' }, created)).toBeUndefined();
  });

  it('is refused where what `current` names cannot be read', () => {
    expect(guardUndoCreate({ kind: 'unreadable' }, created)).toMatch(/cannot be read/);
  });

  it('is refused where `current` names the identity, whatever the version and the value', () => {
    expect(guardUndoCreate(named({ identity: 'app_b', version: 99 }), created)).toMatch(/identity/);
  });

  it('is refused where `current` names the same value under another identity and number', () => {
    expect(guardUndoCreate(named({ digest: 'digest-of-new', version: 99 }), created)).toMatch(/value/);
  });

  it('compares identities alone where the value is not known', () => {
    expect(guardUndoCreate(named({ digest: 'digest-of-new' }), { ...created, digest: null })).toBeUndefined();
    expect(guardUndoCreate(named({ identity: 'app_b' }), { ...created, digest: null })).toMatch(/identity/);
  });
});

describe('what `current` names', () => {
  const [rotation, repair] = [{ repair: false }, { repair: true }];

  it('must be accepted once the new credential was promoted, or may have been', () => {
    expect(mustAcceptNamed(rotation, 'done')).toBe(true);
    expect(mustAcceptNamed(rotation, 'unknown')).toBe(true);
  });

  it('need not be accepted where nobody was pointed at the new credential', () => {
    expect(mustAcceptNamed(rotation, 'none')).toBe(false);
    expect(mustAcceptNamed(repair, 'none')).toBe(false);
  });

  it('was refused all along in a repair, and must be accepted only where that is known to have changed', () => {
    expect(mustAcceptNamed(repair, 'unknown')).toBe(false);
    expect(mustAcceptNamed(repair, 'done')).toBe(true);
  });
});

describe('undoing promote', () => {
  const at = { current: 2, from: 2, to: 1, named: 'accepted', left: 'none' } as const;

  it('moves the label back where this rotation put it and the old credential is accepted', () => {
    expect(guardUndoPromote(at)).toEqual({ kind: 'move' });
  });

  it('does nothing where the label is back already, even if the old credential is refused', () => {
    expect(guardUndoPromote({ ...at, current: 1, named: 'refused' })).toEqual({ kind: 'nothing' });
  });

  it('leaves the label where somebody else has put it onto what is accepted, and nothing is left behind', () => {
    expect(guardUndoPromote({ ...at, current: 3 })).toEqual({ kind: 'stays' });
    expect(guardUndoPromote({ ...at, current: 3, left: 'refused' })).toEqual({ kind: 'stays' });
    expect(guardUndoPromote({ ...at, current: 3, to: null })).toEqual({ kind: 'stays' });
  });

  it.each(['accepted', 'unknown'] as const)('is unsafe where what would be left behind is %s', (left) => {
    expect(guardUndoPromote({ ...at, current: 3, left })).toMatchObject({
      kind: 'unsafe',
      finding: expect.stringMatching(/may still be accepted/),
    });
  });

  it.each(['refused', 'unknown', 'none', 'new'] as const)(
    'is unsafe where somebody else has moved it, and it is %s',
    (named) => {
      expect(guardUndoPromote({ ...at, current: 3, named })).toMatchObject({
        kind: 'unsafe',
        finding: expect.stringMatching(/not where/),
      });
      expect(guardUndoPromote({ ...at, current: null, named: 'none' })).toMatchObject({ kind: 'unsafe' });
    },
  );

  it('is unsafe where the old credential is refused', () => {
    expect(guardUndoPromote({ ...at, named: 'refused' })).toMatchObject({
      kind: 'unsafe',
      finding: expect.stringMatching(/is refused/),
    });
  });

  it('is unsafe where it is unknown whether the old credential is accepted', () => {
    expect(guardUndoPromote({ ...at, named: 'unknown' })).toMatchObject({
      kind: 'unsafe',
      finding: expect.stringMatching(/unknown/),
    });
  });

  it('takes the label away where there was none before', () => {
    expect(guardUndoPromote({ current: 2, from: 2, to: null, named: 'none', left: 'none' })).toEqual({ kind: 'move' });
    expect(guardUndoPromote({ current: null, from: 2, to: null, named: 'none', left: 'none' })).toEqual({
      kind: 'nothing',
    });
  });
});
