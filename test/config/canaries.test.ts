import random from 'keyturn/rotators/random';
import { describe, expect, test } from 'vitest';
import { calendar } from '../../src/adapters/cron/calendar.js';
import type { PolicyInput, SecretInput } from '../../src/config/define.js';
import { parseConfig } from '../../src/config/parse.js';
import { isKeyturnError } from '../../src/core/errors.js';
import { workflows } from '../../src/main/settings.js';

const options = { file: '/etc/keyturn/keyturn.config.ts', workflows, calendar: calendar() };
const at = 'environments.demo.secrets["/demo/api"]';

function problems(secret: Partial<SecretInput>): readonly string[] {
  const config = {
    keyring: { file: './keyturn.key' },
    environments: {
      demo: {
        targets: { tokens: { rotator: random, config: { folder: '/srv/tokens' } } },
        secrets: { '/demo/api': { target: 'tokens', config: { name: 'api' }, ...secret } },
      },
    },
  };
  try {
    parseConfig(config, options);
  } catch (error) {
    if (isKeyturnError(error)) return [String(error.facts['problems'])];
    throw error;
  }
  return [];
}

describe('how many canaries must prove', () => {
  const going = (...names: readonly string[]) => names.map((name) => ({ name, canary: true }));
  const needing = (canaries: NonNullable<PolicyInput['canaries']>, names: readonly string[]) =>
    problems({ policy: { canaries }, consumers: [...going(...names), { name: 'other' }] });

  test('is written as all, a count or a percentage', () => {
    const names = ['a', 'b'];
    expect([needing('all', []), needing({ count: 2 }, names), needing({ percent: 50 }, names)]).toEqual([[], [], []]);
  });

  test('is never more than go first', () => {
    expect(needing({ count: 3 }, ['a', 'b'])).toEqual([
      `${at}.policy.canaries.count: only 2 of the consumers say canary: true`,
    ]);
  });

  test.each([{ count: 1 }, { percent: 50 }])('says nothing where nobody goes first: %o', (canaries) => {
    expect(needing(canaries, [])).toEqual([
      `${at}.policy.canaries: no consumer goes first; say canary: true of those that do`,
    ]);
  });

  test.each([{ count: 0 }, { percent: 0 }, { percent: 101 }, { percent: 1.5 }, 'some', { count: 1, percent: 1 }])(
    'is nothing else: %o',
    (canaries) => {
      expect(needing(canaries as never, ['a'])).toHaveLength(1);
    },
  );
});
