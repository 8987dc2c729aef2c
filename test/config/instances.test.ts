import random from 'keyturn/rotators/random';
import { describe, expect, test } from 'vitest';
import { calendar } from '../../src/adapters/cron/calendar.js';
import type { ConsumerInput } from '../../src/config/define.js';
import { env } from '../../src/config/references.js';
import { parseConfig } from '../../src/config/parse.js';
import { planFor } from '../../src/config/plan.js';
import { isKeyturnError } from '../../src/core/errors.js';
import { workflows } from '../../src/main/settings.js';

const options = { file: '/etc/keyturn/keyturn.config.ts', workflows, calendar: calendar() };
const at = 'environments.demo.secrets["/demo/api"].consumers[0]';
const url = 'https://web.internal/keyturn';
const key = env('WEB_KEY');

/** A rotator that tells of refused logins. */
const hearing: typeof random = {
  ...random,
  capabilities: (config) => ({ ...random.capabilities(config), disable: true, refusedLogins: true }),
};

const parsed = (consumer: Omit<ConsumerInput, 'name'>, rotator: typeof random = hearing) =>
  parseConfig(
    {
      keyring: { file: './keyturn.key' },
      environments: {
        demo: {
          targets: { tokens: { rotator, config: { folder: '/srv/tokens' } } },
          secrets: {
            '/demo/api': { target: 'tokens', config: { name: 'api' }, consumers: [{ name: 'web', ...consumer }] },
          },
        },
      },
    },
    options,
  );

function problems(consumer: Omit<ConsumerInput, 'name'>, rotator = hearing): readonly string[] {
  try {
    parsed(consumer, rotator);
  } catch (error) {
    if (isKeyturnError(error)) return [String(error.facts['problems'])];
    throw error;
  }
  return [];
}

describe('the instances of a consumer', () => {
  test.each([
    [3, { url }],
    ['registered', { key }],
    [undefined, { url }],
  ] as const)('stand in the plan as they are written: %s', (instances, rest) => {
    const config = parsed({ ...rest, ...(instances === undefined ? {} : { instances }) });
    const asked = { trigger: 'demand', reason: 'a test', requestedBy: 'local:test', repair: false } as const;
    const plan = planFor({ config, environment: 'demo', path: '/demo/api', rotationId: 'r1', ...asked });
    expect(plan.consumers).toEqual([
      {
        name: 'web',
        url: 'url' in rest ? url : null,
        canary: false,
        required: true,
        cacheTtlMs: 0,
        ...(instances === undefined ? {} : { instances }),
      },
    ]);
  });

  test.each([
    [{ instances: 0, url }, `${at}.instances: expected a number from 1 to 50, or 'registered'`],
    [{ instances: 51, url }, `${at}.instances: expected a number from 1 to 50, or 'registered'`],
    [{ instances: 'many' as never, url }, `${at}.instances: expected a number from 1 to 50, or 'registered'`],
    [{ instances: 2 }, `${at}.url: so many instances must be asked; add where they answer, such as ${url}`],
    [
      { instances: 'registered', url } as const,
      `${at}.key: its instances sign with it that they are there; add key: env(…)`,
    ],
    [
      { instances: 2, url, required: false },
      `${at}.instances: nobody waits for a proof of it; leave instances out, or required: false`,
    ],
  ])('are refused where nobody could prove so: %o', (consumer, problem) => {
    expect(problems(consumer)).toEqual([problem]);
  });
});

describe('where a consumer logs in from', () => {
  test('stands in the plan as addresses and ranges', () => {
    const sources = ['10.1.2.3', '10.1.0.0/16', '2001:db8::/32'];
    const [consumer] = parsed({ url, sources }).environments['demo']!.secrets['/demo/api']!.consumers;
    expect(consumer).toMatchObject({ sources });
  });

  test.each([
    [['web.internal'], `${at}.sources[0]: expected an address or a range, such as 10.1.2.3 or 10.1.0.0/16`],
    [['10.1.2.3', '10.0.0.0/40'], `${at}.sources[1]: expected an address or a range, such as 10.1.2.3 or 10.1.0.0/16`],
    [[], `${at}.sources: expected one address or more; leave it out where they are not known`],
  ])('is refused as %j', (sources, problem) => {
    expect(problems({ url, sources })).toEqual([problem]);
  });

  test('is refused where nobody would hear of it', () => {
    expect(problems({ url, sources: ['10.1.2.3'] }, random)).toEqual([
      `${at}.sources: with these settings the rotator tells of no refused logins, so nothing would come of them; leave them out (postgres tells with refusedLogins: true)`,
    ]);
  });
});

describe('who answers for a consumer', () => {
  test('stands in the plan', () => {
    const [consumer] = parsed({ url, owner: 'team-payments' }).environments['demo']!.secrets['/demo/api']!.consumers;
    expect(consumer).toMatchObject({ owner: 'team-payments' });
  });

  test.each(['', ' team', 'two\nlines', 'x'.repeat(201)])('is refused as %j', (owner) => {
    expect(problems({ url, owner })).toEqual([expect.stringContaining(`${at}.owner: expected`)]);
  });
});
