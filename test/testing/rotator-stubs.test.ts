import { type Capabilities, type Secret, keyturnError, openSecret } from 'keyturn/rotator';
import { judgeRotator } from 'keyturn/testing';
import { describe, expect, test } from 'vitest';
import { capturingOutput } from '../../src/testing/captured-output.js';
import { declaredDeviations } from './deviations/declared.js';
import { endingDeviations } from './deviations/ending.js';
import { faultDeviations } from './deviations/faults.js';
import { fencingDeviations } from './deviations/fencing.js';
import { makingDeviations } from './deviations/making.js';
import { textOf } from './deviations/planted.js';
import { secrecy, secrecyDeviations } from './deviations/secrecy.js';
import { type Deviation, harnessOf } from './sound-rotator.js';

const deviations = [
  ...declaredDeviations,
  ...makingDeviations,
  ...endingDeviations,
  ...fencingDeviations,
  ...faultDeviations,
  ...secrecyDeviations,
];

/** The obligations that a rotator with this deviation breaks, and what was seen of each. */
async function brokenBy(deviation: Deviation): Promise<ReadonlyMap<string, string>> {
  const { obligations } = await judgeRotator(harnessOf(deviation));
  return new Map(obligations.filter(({ outcome }) => outcome === 'failed').map(({ name, seen }) => [name, seen ?? '']));
}

test('a sound rotator keeps every obligation, and none is left out but what it does not declare', async () => {
  const { obligations } = await judgeRotator(harnessOf());

  expect(obligations.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
  expect(obligations.filter(({ outcome }) => outcome === 'not run')).toEqual([]);
  const exempt = obligations.filter(({ outcome }) => outcome === 'does not apply').map(({ seen }) => seen);
  expect(exempt.filter((why) => !why?.startsWith('it binds where the capabilities say'))).toEqual([]);
});

const byIdentity = 'destroying the new credential leaves the old one accepted: by identity, never by age';

const sideBySide = 'the old credential is accepted until it is destroyed, and the new one after that';

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
    expect([...(await brokenBy(deletesByAge)).keys()]).toContain(byIdentity);
  });

  test('one that lies about overlap', async () => {
    expect([...(await brokenBy(liesAboutOverlap)).keys()]).toContain(sideBySide);
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

    expect([...broken]).toEqual([[secrecy, 'a value is shown in the error of create']]);
  });
});

test.for(deviations)('a stub that %s fails', async ([, deviation, ...wanted]) => {
  expect([...(await brokenBy(deviation)).keys()]).toEqual(expect.arrayContaining(wanted));
});

test.each([
  ['does not know what to make of a full target', () => keyturnError('ANSWER_UNREADABLE', { request: 'create' })],
  ['takes a full target for one it cannot reach', () => keyturnError('TARGET_UNREACHABLE')],
  ['says of a full target that it may have made one', () => keyturnError('TARGET_THROTTLED', { outcome: 'unknown' })],
])('a stub that %s fails', async (_, thrown) => {
  const broken = await brokenBy({
    connection: (sound, { line }) => ({
      create: async (proposal, ctx) => {
        if (line === 'quota') throw thrown();
        return sound.create(proposal, ctx);
      },
    }),
  });

  expect([...broken.keys()]).toEqual([
    'a target that is full says so for certain, and nothing makes room for the new one',
  ]);
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

test('a value that a rotator writes to the output is found there, and held back', async () => {
  const written: string[] = [];
  const writing: Deviation = {
    connection: (sound, { target }) => ({
      create: async (proposal, ctx) => {
        if (ctx.signal.aborted && target.entries().size > 0) {
          await new Promise((resolve) => {
            process.stdout.write(`not made: ${textOf(proposal.value!)}\n`, resolve);
          });
          process.stderr.write('not made: another one\n');
        }
        return sound.create(proposal, ctx);
      },
    }),
  };

  let broken: ReadonlyMap<string, string> = new Map();
  await capturingOutput(
    async () => {
      broken = await brokenBy(writing);
    },
    (_, text) => {
      written.push(text);
      return false;
    },
  );

  expect([...broken]).toEqual([[secrecy, 'a value is shown in the output of the process']]);
  expect(written).toEqual(['not made: another one\n']);
});

test('every obligation has a stub above that breaks it', async () => {
  const { obligations } = await judgeRotator(harnessOf());

  const broken = [...deviations.flatMap(([, , ...wanted]) => wanted), ...understatements.map(([, name]) => name)];
  const known = new Set([...broken, byIdentity, sideBySide]);
  expect(obligations.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([]);
});
