import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isKeyturnError, openSecret } from 'keyturn/rotator';
import random from 'keyturn/rotators/random';
import type { RotatorHarness } from 'keyturn/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { judged } from '../../support/judged-rotator.js';
import { forbidWriting } from '../../support/unwritable-folder.js';
import { contextOf } from '../postgres/borrowed.js';
import { isLetIn, writeByHand } from './by-hand.js';

type Config = ReturnType<typeof random.config.parse>;

async function borrowFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'keyturn-random-'));
}

const harness: RotatorHarness<Config> = {
  rotator: random,
  target: { name: 'a folder', isReal: true },
  capabilities: random.capabilities({ folder: '/', name: 'any' }),
  none: {
    hung: 'a folder is no server: it takes no connections, and is there or not',
    'refusals.policy': 'a folder takes whatever digest it is given',
    'refusals.quota': 'a folder takes as many tokens as its disk',
  },
  begin: async () => {
    const folder = await borrowFolder();
    let allowWriting = async (): Promise<void> => {};
    return {
      config: { folder, name: 'app' },
      unreachable: { folder: join(folder, 'missing'), name: 'app' },
      plantForeign: async (identity) =>
        writeFile(
          join(folder, `${identity}.json`),
          JSON.stringify({ secret: 'elsewhere:/theirs', rotation: null, state: 'on', salt: '', digest: '' }),
        ),
      plantAdopted: async (secret) => writeByHand(folder, secret),
      accepts: async (credential) => isLetIn(folder, credential),
      isThere: async (identity) => existsSync(join(folder, `${identity}.json`)),
      openSession: async () => ({ isOpen: async () => false }),
      refusals: {
        authority: async () => {
          allowWriting = await forbidWriting(folder);
          return { folder, name: 'app' };
        },
      },
      end: async () => {
        await allowWriting();
        await rm(folder, { recursive: true });
      },
    };
  },
};

describe('the cases of every rotator', () => {
  judged(harness);
});

test('the folder never holds the token, and nobody else may read it', async () => {
  const folder = await borrowFolder();
  onTestFinished(async () => rm(folder, { recursive: true }));
  const connection = random.connect({ folder, name: 'app' });
  const ctx = contextOf('test:/tokens', 'r1');
  const proposal = await connection.propose(null, ctx);
  await connection.create(proposal, ctx);

  const files = await readdir(folder);
  const text = await readFile(join(folder, 'app-r1.json'), 'utf8');
  expect(files).toEqual(['app-r1.json']);
  expect(text).not.toContain(Buffer.from(openSecret(proposal.value!)).toString());
});

test.each(['../outside', 'a/b', '', 'x.json', '..'])(
  'the identity `%s` does not lead out of the folder',
  async (identity) => {
    const folder = await borrowFolder();
    onTestFinished(async () => rm(folder, { recursive: true }));
    const connection = random.connect({ folder, name: 'app' });
    const ctx = contextOf('test:/tokens', 'r1');

    await expect(connection.destroy(identity, { createdBy: 'r1' }, ctx)).rejects.toSatisfy(
      (error) => isKeyturnError(error) && error.code === 'NOT_OURS',
    );
  },
);

test('a folder that is not there is told with its cure, by whatever is asked first', async () => {
  const folder = await borrowFolder();
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  const missing = join(folder, "it's missing");
  const connection = random.connect({ folder: missing, name: 'app' });
  const ctx = contextOf('test:/tokens', 'r1', { step: 'preflight' });
  const told = { finding: `there is no folder ${missing}`, cure: `mkdir -p '${folder}/it'\\''s missing'` };

  await expect(connection.identify(ctx)).rejects.toMatchObject({ code: 'PREFLIGHT_FAILED', facts: told });
  await expect(connection.identify({ ...ctx, step: 'drain' })).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' });
  expect(await connection.preflight(null, ctx)).toEqual([{ sentence: told.finding, cure: told.cure }]);
});

test.each([
  ['EACCES', 'rejected-by-authority'],
  ['EPERM', 'rejected-by-authority'],
  ['EROFS', 'rejected-by-authority'],
  // Of Node, where a process of its own was not allowed the folder.
  ['ERR_ACCESS_DENIED', 'rejected-by-authority'],
  ['EIO', 'unknown'],
])('%s is %s', (code, classification) => {
  expect(random.classify(Object.assign(new Error(code), { code }))).toBe(classification);
});

test('unknown keys of the configuration are refused', () => {
  expect(random.config.safeParse({ folder: '/x', name: 'a', colour: 'red' }).success).toBe(false);
});
