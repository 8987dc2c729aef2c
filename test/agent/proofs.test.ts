import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { expect, onTestFinished, test } from 'vitest';
import { AppliedFile } from '../../src/agent/applied-file.js';
import { CanaryTrial } from '../../src/agent/canary-trial.js';
import { pendingFileOf } from '../../src/agent/own-files.js';
import { type Staging, proofsOf } from '../../src/agent/proofs.js';
import { createCachedReader } from '../../src/consumer/cached-reader.js';
import { createProof } from '../../src/consumer/proof.js';
import { eventually } from '../support/eventually.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { command, credentialText, events, readingOf } from './readings.js';

const key = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const own = 'test:/billing/db';

/** An agent's answers for one secret, whose versions are given by number; `current` is the number of one. */
async function place({
  canaryCheck = 'exit 0',
  check = 'exit 0',
  staging = 'labels',
}: {
  readonly canaryCheck?: string;
  readonly check?: string;
  readonly staging?: Staging;
} = {}) {
  const folder = await temporaryFolder();
  const path = join(folder, 'credential.json');
  const versions = [credentialText('a'), credentialText('b')];
  const store = { current: 1, isAway: false };
  const reader = createCachedReader({
    read: (name) => {
      if (store.isAway) return Promise.reject(new Error('away'));
      // The bare parameter counts its versions otherwise than its shadow does.
      if (name === '/billing/db') return Promise.resolve(readingOf(versions[store.current - 1] ?? '', 40));
      const selector = name.replace(staging === 'labels' ? '/billing/db:' : '/billing/db.keyturn:', '');
      const version = selector === 'current' ? store.current : Number(selector);
      return Promise.resolve(readingOf(versions[version - 1] ?? '', version));
    },
  });
  const { tell, told } = events();
  const shell = (script: string) => command(['sh', '-c', script, 'sh', '{file}']);
  const format = { kind: 'json' } as const;
  const file = new AppliedFile({
    path,
    format,
    reload: { kind: 'none' },
    check: shell(`cd ${folder}; ${check}`),
    tell,
  });
  const trial = new CanaryTrial({ command: shell(`cd ${folder}; ${canaryCheck}`), file: path, format });
  onTestFinished(async () => {
    await file.close();
    await trial.close();
    reader.close();
  });
  const consumer = proofsOf({
    ...{ keys: [key], instance: 'billing-1', environment: 'test', secret: '/billing/db', field: 'password' },
    ...{ staging, reader, file, trial, tell },
  });
  const ask = async (phase: 'canary' | 'drain', version: number, change: Readonly<Record<string, unknown>> = {}) => {
    const challenge = { environment: 'test', secret: own, rotation: 'r1', version, phase, nonce: 'n0nce', ...change };
    const timestamp = new Date();
    const body = JSON.stringify({ type: 'rotation.x', timestamp: timestamp.toISOString(), data: challenge });
    const headers = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(timestamp.getTime() / 1_000)),
      'webhook-signature': new Webhook(key).sign('msg_1', timestamp, body),
    };
    const answer = await consumer.answer({ body, headers });
    return { status: answer.status, ...(JSON.parse(answer.body || '{}') as object) };
  };
  const proof = (phase: 'canary' | 'drain', version: number) => {
    const { password } = JSON.parse(versions[version - 1] ?? '') as { readonly password: string };
    const asked = { phase, nonce: 'n0nce', environment: 'test', secret: own, rotation: 'r1', version };
    return createProof(password, { ...asked, instance: 'billing-1' });
  };
  return { folder, path, versions, store, told, ask, proof };
}

const pending = { status: 200, instance: 'billing-1', pending: true };

test('what the file holds and the check has passed is proved', async () => {
  const { ask, proof, path, versions, store } = await place();
  store.current = 2;

  expect(await ask('drain', 2)).toEqual({ status: 200, instance: 'billing-1', proof: proof('drain', 2) });

  expect(await readFile(path, 'utf8')).toBe(versions[1]);
});

test('nothing is proved before the check has passed, and the file holds the new value meanwhile', async () => {
  const { ask, path, versions, store, folder, told } = await place({ check: 'test -e fine' });
  await writeFile(join(folder, 'fine'), '');
  expect(await ask('drain', 1)).toHaveProperty('proof');
  await rm(join(folder, 'fine'));
  store.current = 2;

  expect(await ask('drain', 2)).toEqual(pending);

  expect(await readFile(path, 'utf8')).toBe(versions[1]);
  expect(told.map(({ kind }) => kind)).toEqual([
    'written',
    'applied',
    'proved',
    'written',
    'not-applied',
    'not-proved',
  ]);
});

test('a version that is not current is not proved, nor is one while the store is away', async () => {
  const { ask, store } = await place();
  expect(await ask('drain', 1)).toHaveProperty('proof');

  expect(await ask('drain', 2)).toEqual(pending);
  store.isAway = true;
  expect(await ask('drain', 2)).toEqual(pending);
});

test('a file that was spoiled since is put right before anything is proved again', async () => {
  const { ask, path, versions } = await place();
  expect(await ask('drain', 1)).toHaveProperty('proof');
  await writeFile(path, '{}');

  expect(await ask('drain', 1)).toHaveProperty('proof');

  expect(await readFile(path, 'utf8')).toBe(versions[0]);
});

test('a challenge of another environment is refused, and one of another secret stays open', async () => {
  const { ask, path } = await place();

  expect(await ask('drain', 1, { environment: 'prod' })).toMatchObject({ refused: 'this is test' });
  expect(await ask('drain', 1, { secret: 'test:/other' })).toEqual(pending);

  expect(existsSync(path)).toBe(false);
});

test('a pending version is tried in a file of its own that is gone afterwards, and the application keeps its own', async () => {
  const canaryCheck = 'cp "$1" tried; stat -c %a "$1" > mode; test "$1" = "$PWD/.credential.json.keyturn-pending"';
  const { ask, proof, folder, path, versions } = await place({ canaryCheck });
  expect(await ask('drain', 1)).toHaveProperty('proof');

  expect(await ask('canary', 2)).toEqual({ status: 200, instance: 'billing-1', proof: proof('canary', 2) });

  expect(await readFile(join(folder, 'tried'), 'utf8')).toBe(versions[1]);
  expect(await readFile(join(folder, 'mode'), 'utf8')).toBe('600\n');
  expect(await readFile(path, 'utf8')).toBe(versions[0]);
  expect(existsSync(pendingFileOf(path))).toBe(false);
});

test('a canary check that exits with another code refuses the version, and says nothing of what it holds', async () => {
  const { ask, path } = await place({ canaryCheck: 'exit 1' });

  expect(await ask('canary', 2)).toEqual({
    status: 200,
    instance: 'billing-1',
    refused: 'the canary check did not pass: it exited with 1',
  });

  expect(existsSync(pendingFileOf(path))).toBe(false);
});

test('a canary check that cannot say leaves the question open, and is asked anew once it is mended', async () => {
  const { ask, folder, path } = await place({ canaryCheck: 'test -e fine || exit 75' });

  expect(await ask('canary', 2)).toEqual(pending);
  expect(existsSync(pendingFileOf(path))).toBe(false);
  await writeFile(join(folder, 'fine'), '');

  expect(await ask('canary', 2)).toHaveProperty('proof');
});

test('a canary check is asked at each challenge, also after it has passed', async () => {
  const { ask, folder } = await place({ canaryCheck: 'test -e fine' });
  await writeFile(join(folder, 'fine'), '');
  expect(await ask('canary', 2)).toHaveProperty('proof');
  await rm(join(folder, 'fine'));

  expect(await ask('canary', 2)).toHaveProperty('refused');
});

test('a canary check that takes longer than a challenge waits answers one challenge, by the same run', async () => {
  const folder = await temporaryFolder();
  const [fine, runs] = [join(folder, 'fine'), join(folder, 'runs')];
  const script = `echo run >> ${runs}; until test -e ${fine}; do sleep 0.02; done`;
  const format = { kind: 'json' } as const;
  const trial = new CanaryTrial({ command: command(['sh', '-c', script]), file: join(folder, 'value'), format });
  onTestFinished(() => trial.close());
  const reading = readingOf(credentialText('a'), 2);
  const ask = (withinMs: number) => trial.try(reading, { rotation: 'r1', withinMs });
  expect(await ask(1)).toBeUndefined();
  await writeFile(fine, '');
  await eventually('it is over', () => existsSync(runs) && !existsSync(pendingFileOf(join(folder, 'value'))));

  expect(await ask(60_000)).toEqual({ kind: 'passed' });
  expect(await readFile(runs, 'utf8')).toBe('run\n');
  expect(await ask(60_000)).toEqual({ kind: 'passed' });
  expect(await readFile(runs, 'utf8')).toBe('run\nrun\n');
});

test('where applications read the bare name, that is what the file holds, and the shadow is what is tried', async () => {
  const { ask, proof, path, versions, store } = await place({ staging: 'shadow' });

  expect(await ask('canary', 2)).toMatchObject({ proof: proof('canary', 2) });
  expect(existsSync(path)).toBe(false);
  store.current = 2;

  expect(await ask('drain', 2)).toMatchObject({ proof: proof('drain', 2) });
  expect(await readFile(path, 'utf8')).toBe(versions[1]);
});
