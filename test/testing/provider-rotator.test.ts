import { judgeRotator } from 'keyturn/testing';
import { expect, test } from 'vitest';
import { providerHarness } from './provider-rotator.js';

test.each([
  ['that keeps our tag', false],
  ['whose account is exclusive', true],
])('a sound rotator of a provider %s breaks no obligation, delayed as its deletions are', async (_, exclusive) => {
  const { obligations } = await judgeRotator(providerHarness({ exclusive }));

  expect(obligations.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
  const run = obligations.filter(({ outcome }) => outcome === 'passed').map(({ name }) => name);
  expect(run).toContain('destroying the new credential leaves the old one accepted: by identity, never by age');
  expect(run.includes('destroying what carries another tag is refused')).toBe(!exclusive);
});

test('a deletion that takes longer than was declared is noticed', async () => {
  const harness = providerHarness({ exclusive: false });
  const capabilities = { ...harness.capabilities, propagationMs: 0 };
  const hasty = { ...harness, capabilities, rotator: { ...harness.rotator, capabilities: () => capabilities } };

  const { obligations } = await judgeRotator(hasty);

  const failed = obligations.filter(({ outcome }) => outcome === 'failed');
  expect(failed.map(({ name, seen }) => `${name}: ${seen}`)).toContain(
    'undone, the first credential is refused, and undoing it again succeeds: probe answered accepted at account, not refused or absent',
  );
});
