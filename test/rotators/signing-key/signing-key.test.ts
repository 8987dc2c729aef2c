import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { type Connection, type Credential, type RotatorContext, Secret } from 'keyturn/rotator';
import signingKey from 'keyturn/rotators/signing-key';
import type { RotatorHarness } from 'keyturn/testing';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import type { SigningKeyConfig } from '../../../rotators/signing-key/config.js';
import { classify } from '../../../rotators/signing-key/key-folder.js';
import { judged } from '../../support/judged-rotator.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { forbidWriting } from '../../support/unwritable-folder.js';
import { contextOf, textOf } from '../postgres/borrowed.js';

const parse = (config: object): SigningKeyConfig => signingKey.config.parse({ name: 'app', ...config });

const entryOf = (secret: string, rotation: string | null): string =>
  JSON.stringify({ secret, rotation, state: 'on', key: 'whsec_c29tZWJvZHktZWxzZXM=' });

const harness: RotatorHarness<SigningKeyConfig> = {
  rotator: signingKey,
  target: { name: 'a folder', isReal: true },
  capabilities: signingKey.capabilities(parse({ folder: '/' })),
  none: {
    hung: 'a folder is no server: it takes no connections, and is there or not',
    'refusals.policy': 'a folder takes whatever key it is given',
    'refusals.quota': 'a folder takes as many keys as its disk',
  },
  begin: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'keyturn-signing-key-'));
    let allowWriting = async (): Promise<void> => {};
    return {
      config: parse({ folder }),
      unreachable: parse({ folder: join(folder, 'missing') }),
      plantForeign: async (identity) => writeFile(join(folder, `${identity}.json`), entryOf('elsewhere:/theirs', null)),
      plantAdopted: async (secret) => {
        await writeFile(join(folder, 'by-hand.json'), entryOf(secret, null));
        return { identity: 'by-hand', value: Secret.fromText('whsec_c29tZWJvZHktZWxzZXM=') };
      },
      isThere: async (identity) => existsSync(join(folder, `${identity}.json`)),
      accepts: async ({ identity, value }) => {
        const text = await readFile(join(folder, `${identity}.json`), 'utf8').catch(() => '{}');
        const { state, key } = JSON.parse(text) as { readonly state?: string; readonly key?: string };
        return state === 'on' && key === textOf(value);
      },
      openSession: async () => ({ isOpen: async () => false }),
      refusals: {
        authority: async () => {
          allowWriting = await forbidWriting(folder);
          return parse({ folder });
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

interface Borrowed {
  readonly folder: string;
  readonly connection: Connection;
  readonly ctx: (rotationId: string, change?: Partial<RotatorContext>) => RotatorContext;
  readonly make: (rotationId: string) => Promise<Credential>;
}

async function borrowFolder(change: object = {}): Promise<Borrowed> {
  const folder = await temporaryFolder();
  const connection = signingKey.connect(parse({ folder, ...change }));
  const ctx: Borrowed['ctx'] = (rotationId, other) => contextOf('test:/webhooks', rotationId, other);
  const make: Borrowed['make'] = async (rotationId) => {
    const { identity, value } = await connection.propose(null, ctx(rotationId));
    await connection.create({ identity, value: value! }, ctx(rotationId));
    return { identity, value: value! };
  };
  return { folder, connection, ctx, make };
}

/** As whoever verifies does it: any key of the folder that is on will do. */
async function isVerified(folder: string, body: string, headers: Record<string, string>): Promise<boolean> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json'));
  const entries = await Promise.all(
    files.map(async (file) => JSON.parse(await readFile(join(folder, file), 'utf8')) as { state: string; key: string }),
  );
  return entries.some(({ state, key }) => {
    try {
      return state === 'on' && new Webhook(key).verify(body, headers) !== undefined;
    } catch {
      return false;
    }
  });
}

function signed(key: Secret): readonly [body: string, headers: Record<string, string>] {
  const [id, at, body] = ['msg_1', new Date(), '{"paid":true}'];
  const signature = new Webhook(textOf(key)).sign(id, at, body);
  const timestamp = String(Math.floor(at.getTime() / 1_000));
  return [body, { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature }];
}

test('what either key has signed is good until the old one is switched off, and never after it', async () => {
  const { folder, connection, ctx, make } = await borrowFolder();
  const old = await make('r1');
  const fresh = await make('r2');
  const [byOld, byFresh] = [signed(old.value), signed(fresh.value)];
  expect(await isVerified(folder, ...byOld)).toBe(true);
  expect(await isVerified(folder, ...byFresh)).toBe(true);

  await connection.disable(old.identity, ctx('r2'));
  expect(await isVerified(folder, ...byOld)).toBe(false);
  await connection.enable(old.identity, ctx('r2'));
  expect(await isVerified(folder, ...byOld)).toBe(true);
  await connection.destroy(old.identity, { createdBy: 'r1' }, ctx('r2'));

  expect(await isVerified(folder, ...byOld)).toBe(false);
  expect(await isVerified(folder, ...byFresh)).toBe(true);
});

test.each([
  ['owner', 0o600],
  ['group', 0o640],
])('a key for the %s is readable by nobody else', async (readableBy, mode) => {
  const { folder, connection, ctx, make } = await borrowFolder({ readableBy });
  const { identity } = await make('r1');
  const modeOf = async (): Promise<number> => (await stat(join(folder, `${identity}.json`))).mode & 0o777;
  expect(await modeOf()).toBe(mode);

  await connection.disable(identity, ctx('r1'));

  expect(await modeOf()).toBe(mode);
});

test('what a crash left half-made goes with the key, also where there is no key', async () => {
  const { folder, connection, ctx, make } = await borrowFolder();
  await make('r1');
  await writeFile(join(folder, 'app-r1.json.0011.tmp'), 'half of a key');
  await writeFile(join(folder, 'app-r2.json.0022.tmp'), 'half of a key');
  await writeFile(join(folder, 'app-r20.json.0033.tmp'), 'half of the key of another');

  await connection.destroy('app-r1', { createdBy: 'r1' }, ctx('r2'));
  await connection.destroy('app-r2', { createdBy: 'r2' }, ctx('r2'));

  expect(await readdir(folder)).toEqual(['app-r20.json.0033.tmp']);
});

test('a call that is cut off leaves nothing half-made', async () => {
  const { folder, connection, ctx } = await borrowFolder();
  const { identity, value } = await connection.propose(null, ctx('r1'));
  for (const turns of [0, 1, 2, 3, 5, 8]) {
    const cut = new AbortController();
    const creating = connection
      .create({ identity, value: value! }, ctx('r1', { signal: cut.signal }))
      .catch(() => undefined);
    for (let i = 0; i < turns; i += 1) await new Promise(setImmediate);
    cut.abort();
    await creating;
  }

  expect((await readdir(folder)).filter((file) => file !== 'app-r1.json')).toEqual([]);
});

test('a late write of one rotation leaves the keys of the others as they are', async () => {
  const { connection, ctx, make, folder } = await borrowFolder();
  const old = await make('r1');
  // Two workers at once, as after a pause.
  const second = signingKey.connect(parse({ folder }));
  const fresh = await make('r2');
  await Promise.all([
    connection.destroy(old.identity, { createdBy: 'r1' }, ctx('r2')),
    second.create(fresh, ctx('r2')),
    second.disable(old.identity, ctx('r2')).catch(() => undefined),
  ]);

  expect(await connection.verify(fresh, ctx('r2'))).toMatchObject([{ answer: 'accepted' }]);
});

test('a key of another secret is neither switched off nor removed', async () => {
  const { connection, ctx, make } = await borrowFolder();
  const made = await make('r1');
  const other = ctx('r1', { secret: 'test:/another' });

  await expect(connection.disable(made.identity, other)).rejects.toMatchObject({ code: 'NOT_OURS' });
  await expect(connection.create(made, other)).rejects.toMatchObject({ code: 'PRINCIPAL_IN_USE' });
  await expect(connection.destroy(made.identity, { createdBy: 'r1' }, other)).rejects.toMatchObject({
    code: 'NOT_OURS',
  });

  expect(await connection.verify(made, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
});

test('a file that is no entry is told by its name and without what it holds', async () => {
  const { folder, connection, ctx } = await borrowFolder();
  await writeFile(join(folder, 'app-r1.json'), 'whsec_bm90LWpzb24tYnV0LWEta2V5');

  const error: unknown = await connection.list(ctx('r1')).catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({ code: 'STEP_FAILED', facts: { name: 'app-r1.json is no entry of a key' } });
  expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain('bm90');
});

test.each(['../outside', 'a/b', '', 'x.json', '..'])(
  'the identity `%s` does not lead out of the folder',
  async (identity) => {
    const { connection, ctx } = await borrowFolder();

    await expect(connection.destroy(identity, { createdBy: 'r1' }, ctx('r1'))).rejects.toMatchObject({
      code: 'NOT_OURS',
    });
    await expect(connection.disable(identity, ctx('r1'))).rejects.toMatchObject({ code: 'NOT_OURS' });
  },
);

test('a folder that is not there is told with its cure, by whatever is asked first', async () => {
  const folder = join(await temporaryFolder(), "it's missing");
  const connection = signingKey.connect(parse({ folder }));
  const ctx = contextOf('test:/webhooks', 'r1', { step: 'preflight' });
  const told = { finding: `there is no folder ${folder}`, cure: `mkdir -m 2750 -p '${folder.replace("'", `'\\''`)}'` };

  await expect(connection.identify(ctx)).rejects.toMatchObject({ code: 'PREFLIGHT_FAILED', facts: told });
  await expect(connection.identify({ ...ctx, step: 'drain' })).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' });
  expect(await connection.preflight(null, ctx)).toEqual([{ sentence: told.finding, cure: told.cure }]);
});

// Nothing is forbidden to root.
test.skipIf(process.getuid?.() === 0)('a folder that cannot be written is found', async () => {
  const { folder, connection, ctx } = await borrowFolder();
  await chmod(folder, 0o555);

  expect(await connection.preflight(null, ctx('r1'))).toMatchObject([
    { sentence: `the folder ${folder} cannot be written` },
  ]);
});

test.each([
  ['EACCES', 'rejected-by-authority'],
  ['EROFS', 'rejected-by-authority'],
  ['ERR_ACCESS_DENIED', 'rejected-by-authority'],
  ['ENOSPC', 'transient'],
  ['EIO', 'unknown'],
])('%s is %s', (code, classification) => {
  expect(classify(Object.assign(new Error(code), { code }))).toBe(classification);
});

test('unknown keys of the configuration, and prefixes that are no word, are refused', () => {
  for (const change of [{ colour: 'red' }, { prefix: 'a b' }, { readableBy: 'everybody' }, { name: 'A/b' }]) {
    expect(signingKey.config.safeParse({ folder: '/x', name: 'app', ...change }).success).toBe(false);
  }
});
