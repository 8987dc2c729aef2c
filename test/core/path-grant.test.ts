import { describe, expect, it } from 'vitest';
import { type PathGrant, grantExpressions, grantFault, isGranted, isTreeGranted } from '../../src/core/path-grant.js';

const reading = (...paths: readonly string[]): readonly PathGrant[] => paths.map((path) => ({ path, allow: ['read'] }));

describe('a grant', () => {
  it.each([
    ['/teamA/*', '/teamA/db', true],
    ['/teamA/*', '/teamA/deep/er/db', true],
    ['/teamA/*', '/teamAB/db', false],
    ['/teamA/*', '/teamA', false],
    ['/teamA/*', '/teama/db', false],
    ['/teamA/*', '/other/teamA/db', false],
    ['/teamA/db', '/teamA/db', true],
    ['/teamA/db', '/teamA/db/more', false],
    ['/teamA/db', '/teamA/dbx', false],
    ['/teamA/d.b', '/teamA/dxb', false],
    ['/prod/*/db', '/prod/billing/db', true],
    ['/prod/*/db', '/prod/billing/deep/db', false],
    ['/prod/*/db', '/prod/db', false],
    ['/prod/*/*', '/prod/billing', false],
    ['/prod/*/*', '/prod/billing/db', true],
    ['/*', '/x', true],
    ['/*', '/x/y', true],
  ])('of %s for %s: %s', (pattern, path, granted) => {
    expect(isGranted(reading(pattern), 'read', path)).toBe(granted);
    expect(grantExpressions(reading(pattern), 'read').some((each) => new RegExp(each).test(path))).toBe(granted);
  });

  it('allows the verbs it names and no other, and nothing is allowed that none names', () => {
    const grants: readonly PathGrant[] = [
      { path: '/a/*', allow: ['read'] },
      { path: '/a/b/*', allow: ['write'] },
    ];
    expect(isGranted(grants, 'write', '/a/x')).toBe(false);
    expect(isGranted(grants, 'write', '/a/b/x')).toBe(true);
    expect(isGranted(grants, 'delete', '/a/b/x')).toBe(false);
    expect(isGranted([], 'read', '/a')).toBe(false);
    expect(grantExpressions(grants, 'write')).toHaveLength(1);
  });

  it.each([
    ['/prod/*', '/prod', true],
    ['/prod/*', '/prod/billing', true],
    ['/prod/*', '/production', false],
    ['/prod/billing/*', '/prod', false],
    ['/prod/billing', '/prod/billing', false],
    ['/prod/*/db', '/prod', false],
    ['/prod/*/*', '/prod', false],
    ['/prod/*/*', '/prod/billing', true],
    ['/*', '/', true],
    ['/prod/*', '/', false],
  ])('of %s for all below %s: %s', (pattern, path, granted) => {
    expect(isTreeGranted(reading(pattern), 'read', path)).toBe(granted);
    expect(isTreeGranted(reading(pattern), 'write', path)).toBe(false);
  });
});

describe('the pattern of a grant', () => {
  it.each(['/*', '/prod/*', '/prod/*/db', '/prod/billing/db'])('%s is one', (pattern) => {
    expect(grantFault(pattern)).toBeUndefined();
  });

  it.each([
    ['/prod/bill*', 'whole segment'],
    ['/prod/**', 'whole segment'],
    ['prod/*', 'begins with /'],
    ['', 'begins with /'],
    ['/prod//*', 'no //'],
    ['/prod/../*', 'no . or ..'],
    ['/aws/*', 'aws or ssm'],
    ['/prod/a b', 'letters, digits'],
  ])('%s is none', (pattern, fault) => {
    expect(grantFault(pattern)).toContain(fault);
  });
});
