import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rotatorCases } from 'keyturn/testing';
import type { Rotator } from 'keyturn/rotator';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type * as FolderIntegrity from '../../../src/adapters/child/folder-integrity.js';
import type * as IsolatedRotator from '../../../src/adapters/child/isolated-rotator.js';
import { build, built } from '../../support/built.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

interface Config {
  readonly folder: string;
  readonly name: string;
}

let place: string;
let isolated: Rotator<Config>;
/** Opens it as a configuration with these settings would. */
let reopen: (...configs: readonly Config[]) => Promise<Rotator<Config>>;

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
  const allowance = { variables: [], read: [], write: [place], maxMemoryMb: 64 };
  const isolation = { package: 'acme', integrity: await folderIntegrity(acme), ...allowance };
  reopen = (...configs) =>
    openIsolatedRotator(isolation, configs, { from: place, variables: {} }) as Promise<Rotator<Config>>;
  isolated = await reopen();
});

afterAll(() => rm(place, { recursive: true, force: true }));

// The same obligations as in the worker, over the line to a process: `random` is not told that it is isolated.
describe('the cases of every rotator, in a process of its own', () => {
  const cases = rotatorCases<Config>({
    get rotator() {
      return isolated;
    },
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
    begin: async () => {
      const folder = await mkdtemp(join(place, 'tokens-'));
      const config = { folder, name: 'app' };
      isolated = await reopen(config);
      return {
        config,
        unreachable: { folder: join(folder, 'missing'), name: 'app' },
        plantForeign: async (identity) =>
          writeFile(
            join(folder, `${identity}.json`),
            JSON.stringify({ secret: 'elsewhere:/theirs', rotation: null, state: 'on', salt: '', digest: '' }),
          ),
        openSession: async () => ({ isOpen: async () => false }),
        end: async () => rm(folder, { recursive: true }),
      };
    },
  });

  // The worker knows only the settings that were shown at start; `test/config/isolated.test.ts` refuses unknown ones there.
  const judgedHere = cases.filter(({ name }) => name !== 'a setting nobody knows is refused by the schema');
  test.for(judgedHere)('$name', async ({ run }, { skip }) => run(skip));
});
