import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  type ErrorCode,
  KeyturnError,
  NeedsOperatorError,
  RetryableError,
  TerminalError,
  catalogue,
  cureOf,
  isKeyturnError,
  isUsageError,
  keyturnError,
  parkedCureOf,
  sentenceOf,
} from '../../src/core/errors.js';

const codes = Object.keys(catalogue) as readonly ErrorCode[];

describe('an error', () => {
  it('has a sentence and a cure with the facts put in', () => {
    const error = keyturnError('TARGET_UNREACHABLE', { target: 'billing', endpoint: 'db1:5432' });
    expect(error.message).toBe(
      'TARGET_UNREACHABLE: target billing did not answer at db1:5432. Check the network and the target; Keyturn retries by itself.',
    );
  });

  it('reads ? where a fact is missing or null', () => {
    expect(sentenceOf('TARGET_UNREACHABLE', { target: null })).toBe('target ? did not answer at ?');
  });

  it('writes a rotation that is not known as the documentation does, because ? means something to a shell', () => {
    expect(cureOf('ADMIN_REFUSED', {})).toBe(
      'Restore the admin credential of the target, then: keyturn resume ROTATION',
    );
    expect(parkedCureOf('STORE_DENIED', { action: 'a write' })).toMatch(/ Then: keyturn resume ROTATION$/);
  });

  it('puts in facts that are not text, and every time they are named', () => {
    expect(sentenceOf('DEADLINE_EXCEEDED', { call: 'store.read', deadlineMs: 0 })).toBe(
      'store.read took longer than 0 ms',
    );
    expect(cureOf('ROTATION_OPEN', { rotation: 'r1' })).toBe(
      'Follow it with `keyturn follow r1`, or stop it with `keyturn cancel r1`.',
    );
  });

  it('offers a command for whatever a rotation is parked for', () => {
    for (const code of codes) expect(parkedCureOf(code, { rotation: 'r1' })).toMatch(/keyturn (resume|rollback) r1/);
  });

  it('takes a fact as it is, whatever it looks like', () => {
    expect(sentenceOf('STORE_DENIED', { action: '$& {secret}' })).toBe('the parameter store denied $& {secret}');
  });

  it.each([
    ['LEASE_LOST', RetryableError, 'retry'],
    ['CANARY_REFUSED', TerminalError, 'undo'],
    ['ALIAS_MOVED', NeedsOperatorError, 'park'],
  ] as const)('%s is of the class that says what happens next', (code, of, errorClass) => {
    const error = keyturnError(code);
    expect(error).toBeInstanceOf(of);
    expect(error).toBeInstanceOf(KeyturnError);
    expect(error).toMatchObject({ code, class: errorClass, name: of.name });
  });

  it.each(codes)('%s is made of the class of its entry', (code) => {
    expect(keyturnError(code).class).toBe(catalogue[code].class);
  });

  it('keeps its cause, and has none where none is given', () => {
    const cause = new TypeError('scrubbed');
    expect(keyturnError('STEP_FAILED', {}, cause).cause).toBe(cause);
    expect('cause' in keyturnError('STEP_FAILED')).toBe(false);
  });

  it('shows its facts when it is inspected', () => {
    expect(inspect(keyturnError('STEP_FAILED', { step: 'create' }))).toContain("step: 'create'");
  });
});

describe('knowing an error', () => {
  afterEach(() => vi.resetModules());

  it('works across copies of the package', async () => {
    vi.resetModules();
    const other = await import('../../src/core/errors.js');
    const theirs = other.keyturnError('LEASE_LOST');
    expect(theirs).not.toBeInstanceOf(KeyturnError);
    expect(isKeyturnError(theirs)).toBe(true);
    expect(other.isKeyturnError(keyturnError('LEASE_LOST'))).toBe(true);
  });

  it.each([null, undefined, 'LEASE_LOST', { code: 'LEASE_LOST' }, new Error('LEASE_LOST')])('%s is none', (each) => {
    expect(isKeyturnError(each)).toBe(false);
  });
});

it('usage errors are those that exit with 2', () => {
  expect(isUsageError('UNKNOWN_SECRET')).toBe(true);
  expect(isUsageError('CONFIG_INVALID')).toBe(true);
  expect(isUsageError('ROTATION_OPEN')).toBe(false);
  expect(isUsageError('TARGET_UNREACHABLE')).toBe(false);
});

it('what a parked rotation needs is said with the commands that go on', () => {
  const parking = codes.filter((code) => catalogue[code].class === 'park');
  expect(parking.filter((code) => !/keyturn (resume|rollback)/.test(catalogue[code].cure))).toEqual([]);
});
