import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RotatorHarness } from 'keyturn/testing';
import type { Rotator } from 'keyturn/rotator';
import { afterAll, beforeAll, describe } from 'vitest';
import type * as FolderIntegrity from '../../../src/adapters/child/folder-integrity.js';
import type * as IsolatedRotator from '../../../src/adapters/child/isolated-rotator.js';
import { build, built } from '../../support/built.js';
import { judged } from '../../support/judged-rotator.js';
import { isLetIn, writeByHand } from './by-hand.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

interface Config {
  readonly folder: string;
  readonly name: string;
}

let place: string;
let isolated: Rotator<Config>;
/** Opens it as a configuration with these settings would; with one that says what it may do. */
let reopen: (configs: readonly Config[], mayWrite?: boolean) => Promise<Rotator<Config>>;

/** Node's permission model, by which a process that may not write is refused. */
const hasPermissionModel = ['--permission', '--experimental-permission'].some((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
);

beforeAll(async () => {
  await build();
  place = await mkdtemp(join(tmpdir(), 'keyturn-isolated-random-'));
  const [acme, modules] = [join(place, 'node_modules', 'acme'), join(place, 'node_modules')];
  await mkdir(acme, { recursive: true });
  await symlink(root, join(modules, 'keyturn'));
  await symlink(join(root, 'node_modules', 'zod'), join(modules, 'zod'));
  await cp(built('rotators/random/index.js'), join(acme, 'index.js'));
  await writeFile(join(acme, 'package.json'), '{ "type": "module", "exports": "./index.js" }');
  const at = async <Module>(name: string): Promise<Module> =>
    (await import(built(`src/adapters/child/${name}.js`))) as Module;
  const { folderIntegrity } = await at<typeof FolderIntegrity>('folder-integrity');
  const { openIsolatedRotator } = await at<typeof IsolatedRotator>('isolated-rotator');
  const integrity = await folderIntegrity(acme);
  reopen = (configs, mayWrite = true) => {
    const allowance = { variables: [], read: [place], write: mayWrite ? [place] : [], maxMemoryMb: 64 };
    const isolation = { package: 'acme', integrity, ...allowance };
    return openIsolatedRotator(isolation, configs, { from: place, variables: {} }) as Promise<Rotator<Config>>;
  };
  isolated = await reopen([]);
});

afterAll(() => rm(place, { recursive: true, force: true }));

// The same obligations as in the worker, over the line to a process: `random` is not told that it is isolated.
const harness: RotatorHarness<Config> = {
  get rotator() {
    return isolated;
  },
  target: { name: 'a folder, in a process of its own', isReal: true },
  capabilities: {
    overlap: 'two-live',
    origin: 'ours',
    fence: false,
    disable: true,
    usage: false,
    endsSessions: false,
    list: true,
    settleMs: 10_000,
  },
  none: {
    hung: 'a folder is no server: it takes no connections, and is there or not',
    'refusals.policy': 'a folder takes whatever digest it is given',
    'refusals.quota': 'a folder takes as many tokens as its disk',
  },
  begin: async () => {
    const folder = await mkdtemp(join(place, 'tokens-'));
    const config = { folder, name: 'app' };
    // A worker shows at start every setting it was given, those that nobody knows as well.
    const unknown = { ...config, 'no-such-setting': 'anything' };
    const mayWrite = await reopen([config, unknown]);
    const refusing = { folder: `${folder}/.`, name: 'app' };
    let mayRead: typeof mayWrite | undefined;
    isolated = {
      ...mayWrite,
      connect: (given) => ((given === refusing ? mayRead : undefined) ?? mayWrite).connect(given),
    };
    const authority = async (): Promise<Config> => {
      mayRead = await reopen([refusing], false);
      return refusing;
    };
    return {
      config,
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
      ...(hasPermissionModel ? { refusals: { authority } } : {}),
      end: async () => rm(folder, { recursive: true }),
    };
  },
};

describe('the cases of every rotator, in a process of its own', () => {
  judged(harness);
});
