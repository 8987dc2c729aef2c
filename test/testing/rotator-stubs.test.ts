import { type Capabilities, Secret, keyturnError, openSecret } from 'keyturn/rotator';
import { judgeRotator } from 'keyturn/testing';
import { describe, expect, test } from 'vitest';
import { type Deviation, harnessOf } from './sound-rotator.js';

/** The obligations that a rotator with this deviation breaks, and what was seen of each. */
async function brokenBy(deviation: Deviation): Promise<ReadonlyMap<string, string>> {
  const { obligations } = await judgeRotator(harnessOf(deviation));
  return new Map(obligations.filter(({ outcome }) => outcome === 'failed').map(({ name, seen }) => [name, seen ?? '']));
}

test('a sound rotator keeps every obligation, and none is left out but what it does not declare', async () => {
  const { obligations } = await judgeRotator(harnessOf());

  expect(obligations.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
  const notRun = obligations.filter(({ outcome }) => outcome === 'not run').map(({ seen }) => seen);
  expect(notRun.filter((why) => !why?.startsWith('it binds where the capabilities say'))).toEqual([]);
});

const textOf = (value: Secret): string => Buffer.from(openSecret(value)).toString();

/** Deletes what is oldest of ours, as a provider's two-key limit tempts one to. */
const deletesByAge: Deviation = {
  connection: (sound, { target }) => ({
    destroy: async (_identity, _provenance, ctx) => {
      const [oldest] = [...target.entries()]
        .filter(([, { tag }]) => tag?.secret === ctx.secret)
        .sort(([, a], [, b]) => a.madeAt - b.madeAt);
      if (oldest === undefined) return;
      await sound.destroy(oldest[0], { createdBy: oldest[1].tag?.rotation ?? null }, ctx);
    },
  }),
};

/** Says that old and new live side by side, and takes the old one off when it makes the new one. */
const liesAboutOverlap: Deviation = {
  connection: (sound, { target }) => ({
    create: async (proposal, ctx) => {
      const made = await sound.create(proposal, ctx);
      for (const [identity, { tag }] of target.entries()) {
        if (tag?.secret === ctx.secret && identity !== proposal.identity) target.entries().delete(identity);
      }
      return made;
    },
  }),
};

describe('the four stubs of the issue fail, by the name of what they break', () => {
  test('one that deletes by age', async () => {
    expect([...(await brokenBy(deletesByAge)).keys()]).toContain(
      'destroying the new credential leaves the old one accepted: by identity, never by age',
    );
  });

  test('one that lies about overlap', async () => {
    expect([...(await brokenBy(liesAboutOverlap)).keys()]).toContain(
      'the old credential is accepted until it is destroyed, and the new one after that',
    );
  });

  test.each([
    ['as it is', (value: Secret) => textOf(value)],
    ['in base64', (value: Secret) => Buffer.from(openSecret(value)).toString('base64')],
    ['in hex', (value: Secret) => Buffer.from(openSecret(value)).toString('hex')],
    ['in UTF-16', (value: Secret) => Buffer.from(textOf(value), 'utf16le').toString('base64')],
    ['in part', (value: Secret) => textOf(value).slice(5, 18)],
  ])('one that leaks a value in an error, %s', async (_, leak) => {
    const broken = await brokenBy({
      connection: (sound) => ({
        create: async (proposal, ctx) => {
          if (ctx.signal.aborted) throw new Error(`aborted while creating ${leak(proposal.value!)}`);
          return sound.create(proposal, ctx);
        },
      }),
    });

    expect([...broken]).toEqual([
      [
        'neither an answer, an error, a log line, the output nor the connection shows a value',
        'a value is shown in the error of create',
      ],
    ]);
  });
});

const secrecy = 'neither an answer, an error, a log line, the output nor the connection shows a value';

/** What a stub does otherwise than it should, and the obligations that must notice. */
const deviations: readonly (readonly [string, Deviation, ...string[]])[] = [
  [
    'logs a value',
    {
      connection: (sound) => ({
        create: async (proposal, ctx) => {
          ctx.log.debug({ proposed: textOf(proposal.value!) }, 'creating');
          return sound.create(proposal, ctx);
        },
      }),
    },
    secrecy,
  ],
  [
    'writes a value to the output',
    {
      connection: (sound) => ({
        create: async (proposal, ctx) => {
          if (ctx.signal.aborted) process.stdout.write(`${Buffer.from(openSecret(proposal.value!)).join(',')}\n`);
          return sound.create(proposal, ctx);
        },
      }),
    },
    secrecy,
  ],
  [
    'keeps a value where util.inspect finds it',
    {
      connection: (sound) => {
        const kept = { last: '' };
        return {
          create: async (proposal, ctx) => {
            kept.last = textOf(proposal.value!);
            return sound.create(proposal, ctx);
          },
          close: Object.assign(async () => {}, { kept }),
        };
      },
    },
    secrecy,
  ],
  [
    'finishes no create that was begun before',
    {
      connection: (sound, { target }) => ({
        create: async (proposal, ctx) => {
          if (target.entries().has(proposal.identity)) {
            throw keyturnError('PRINCIPAL_IN_USE', { principal: proposal.identity });
          }
          return sound.create(proposal, ctx);
        },
      }),
    },
    'created twice, one is live',
    'a create that was cut off is finished by the next one',
    'a create whose answer was lost is finished by the next one',
    'a rotation whose process dies after every call ends as if each had been made once',
    'creates of one rotation at the same time make one credential',
  ],
  [
    'takes a lost answer for a refusal',
    { classify: () => 'transient' },
    'an error that means nothing to it is sorted as `unknown`',
    'a create whose answer was lost is finished by the next one',
    'a destroy whose answer was lost is repeated and succeeds',
  ],
  [
    'takes what does not answer for refused',
    {
      connection: (sound) => ({
        probe: async (credential, ctx) =>
          (await sound.probe(credential, ctx)).map((each) =>
            each.answer === 'unknown' ? { ...each, answer: 'refused' as const } : each,
          ),
      }),
    },
    'a target that does not answer is unknown, never refused',
    'a call to a target that hangs ends with its signal, and says that nobody knows',
  ],
  [
    'destroys whatever it is told to',
    {
      connection: (_sound, { target }) => ({
        destroy: async (identity) => void target.entries().delete(identity),
      }),
    },
    'destroying what carries another tag is refused',
    'destroying what somebody else made is refused, and leaves it where it is',
    'once the fence is raised, an older epoch changes nothing',
    'a target that does not answer is unknown, never refused',
  ],
  [
    'destroys what somebody else made, and denies it',
    {
      connection: (sound, { target }) => ({
        destroy: async (identity, provenance, ctx) => {
          if (target.entries().get(identity)?.tag === null) {
            target.entries().delete(identity);
            throw keyturnError('NOT_OURS', { identity });
          }
          return sound.destroy(identity, provenance, ctx);
        },
      }),
    },
    'destroying what somebody else made is refused, and leaves it where it is',
  ],
  [
    'clears the account of everything that is not its own',
    {
      connection: (sound, { target }) => ({
        create: async (proposal, ctx) => {
          for (const [identity, { tag }] of target.entries()) if (tag === null) target.entries().delete(identity);
          return sound.create(proposal, ctx);
        },
      }),
    },
    'a principal that somebody else uses is refused',
    'a whole rotation leaves what somebody else made where it is',
  ],
  [
    'ignores the signal of a target that hangs',
    { connection: (_sound, { line }) => (line === 'hung' ? { list: async () => new Promise<never>(() => {}) } : {}) },
    'a call to a target that hangs ends with its signal, and says that nobody knows',
  ],
  [
    'remembers in the connection what it needs later',
    {
      connection: (sound) => {
        const made = new Set<string>();
        return {
          create: async (proposal, ctx) => {
            made.add(proposal.identity);
            return sound.create(proposal, ctx);
          },
          destroy: async (identity, provenance, ctx) =>
            made.has(identity) ? sound.destroy(identity, provenance, ctx) : undefined,
        };
      },
    },
    'a rotation goes on in another process between any two calls',
    'a rotation whose process dies after every call ends as if each had been made once',
  ],
  [
    'makes room where the target is full',
    {
      connection: (sound, { target, line }) => ({
        create: async (proposal, ctx) => {
          if (line === 'quota') target.entries().clear();
          return sound.create(proposal, ctx);
        },
      }),
    },
    'a target that is full says so for certain, and nothing makes room for the new one',
  ],
  [
    'takes a refused value for a broken step',
    {
      connection: (sound, { line }) => ({
        create: async (proposal, ctx) => {
          if (line === 'policy') throw keyturnError('STEP_FAILED', { step: 'create' });
          return sound.create(proposal, ctx);
        },
      }),
    },
    'a value that the target refuses is rejected by policy, and nothing is made of it',
  ],
  [
    'takes a refusal of the admin for one of the credential',
    {
      connection: (sound, { line }) => ({
        probe: async (credential, ctx) =>
          line === 'authority' ? [{ endpoint: 'memory', answer: 'refused' }] : sound.probe(credential, ctx),
      }),
    },
    'a target that refuses us is rejected by authority, and says nothing of the credential',
  ],
  [
    'lists what is of another secret',
    {
      connection: (sound, { target }) => ({
        list: async (ctx) => {
          await sound.list(ctx);
          return [...target.entries()].map(([identity, { tag }]) => ({
            identity,
            rotationId: tag?.rotation ?? 'r0',
            live: true,
          }));
        },
      }),
    },
    'the list holds what is ours and nothing else',
  ],
  [
    'leaves the sessions of what it switched off',
    {
      connection: (sound, { target }) => ({
        disable: async (identity, ctx) => {
          const sessions = target.entries().get(identity)?.sessions;
          const kept = [...(sessions ?? [])];
          sessions?.clear();
          const answer = await sound.disable(identity, ctx);
          for (const session of kept) sessions?.add(session);
          return answer;
        },
      }),
    },
    'switching off ends the sessions, those of the other credential excepted',
  ],
  [
    'proposes a short value',
    {
      connection: (sound) => ({
        propose: async (current, ctx) => ({ ...(await sound.propose(current, ctx)), value: Secret.fromText('short') }),
      }),
    },
    'where the value is ours it has at least 128 bits, and is another one each time',
  ],
];

test.for(deviations)('a stub that %s fails', async ([, deviation, ...wanted]) => {
  expect([...(await brokenBy(deviation)).keys()]).toEqual(expect.arrayContaining(wanted));
});

/** What a rotator can do, and says it cannot. */
const understatements: readonly (readonly [Partial<Capabilities>, string])[] = [
  [{ overlap: 'one-live' }, 'one that says it has one live credential has no second one'],
  [{ list: false }, 'one that says it cannot list shows nothing'],
  [{ usage: false }, 'one that says it sees no usage answers `unknown`'],
  [{ disable: false }, 'one that says it cannot switch off leaves the credential as it is'],
  [{ fence: false }, 'one that says it has no fence refuses no older epoch'],
  [{ origin: 'provider' }, 'a value comes from whom the declared origin names'],
];

test.each(understatements)('what it can and denies (%o) is noticed', async (capabilities, obligation) => {
  expect([...(await brokenBy({ capabilities })).keys()]).toContain(obligation);
});

test('a value in an error is not in the report either', async () => {
  let leaked = '';
  const report = await judgeRotator(
    harnessOf({
      connection: () => ({
        create: async ({ value }) => {
          leaked = textOf(value!);
          throw new Error(`cannot create ${leaked}`);
        },
      }),
    }),
  );

  expect(report.failed).toBeGreaterThan(10);
  expect(leaked).not.toBe('');
  const shown = JSON.stringify(report);
  expect(shown).toContain('cannot create [secret]');
  expect(shown).not.toContain(leaked);
});
