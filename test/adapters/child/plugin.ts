import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type * as FolderIntegrity from '../../../src/adapters/child/folder-integrity.js';
import type * as IsolatedRotator from '../../../src/adapters/child/isolated-rotator.js';
import type { Connection, Rotator, RotatorContext } from '../../../src/contract/rotator.js';
import type { Isolation } from '../../../src/ports/isolation.js';
import { build, built } from '../../support/built.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

// The process of a rotator is started as it is shipped: both ends of these tests are of the build.

/** The modules under test, built. */
export async function shipped(): Promise<typeof IsolatedRotator & typeof FolderIntegrity> {
  await build();
  const at = async <Module>(name: string): Promise<Module> =>
    (await import(built(`src/adapters/child/${name}.js`))) as Module;
  return {
    ...(await at<typeof IsolatedRotator>('isolated-rotator')),
    ...(await at<typeof FolderIntegrity>('folder-integrity')),
  };
}

/** A rotator of somebody else's, in JavaScript that imports nothing. */
export interface PluginText {
  /** Runs when it is loaded. */
  readonly top?: string;
  /** An expression: from its settings to members of its connection. */
  readonly members?: string;
  readonly classify?: string;
  /** An expression: what its schema is. */
  readonly schema?: string;
  readonly contract?: number;
  readonly allowance?: Partial<Isolation>;
}

/** A package in a folder, and how a configuration would name it. */
export interface Plugin {
  readonly folder: string;
  readonly isolation: Isolation;
}

/** Writes the package into a folder of its own. */
export async function writePlugin(text: PluginText = {}): Promise<Plugin> {
  const folder = join(await temporaryFolder(), 'acme');
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), '{ "name": "acme", "type": "module", "exports": "./index.js" }');
  await writeFile(join(folder, 'index.js'), textOf(text));
  const { folderIntegrity } = await shipped();
  const integrity = await folderIntegrity(folder);
  const bare = { variables: [], read: [], write: [], maxMemoryMb: 64 };
  return { folder, isolation: { package: folder, integrity, ...bare, ...text.allowance } };
}

function textOf({
  top = '',
  members = '() => ({})',
  classify = "() => 'unknown'",
  schema,
  contract = 1,
}: PluginText): string {
  return `${top}
const able = { overlap: 'two-live', origin: 'ours', fence: false, disable: true, usage: false, endsSessions: false, list: true, settleMs: 0 };
export default {
  name: 'acme',
  contract: ${contract},
  credential: { identity: 'id', value: 'token' },
  config: ${schema ?? '{ safeParse: (data) => ({ success: true, data }) }'},
  capabilities: () => able,
  principal: (config) => 'principal ' + (config?.name ?? ''),
  classify: ${classify},
  connect: (config) => ({ close: async () => {}, ...(${members})(config) }),
};
`;
}

/** How a test opens it. */
export interface OpenOptions extends Partial<IsolatedRotator.IsolatedOptions> {
  readonly configs?: readonly unknown[];
}

/** Opens the rotator in the way of a configuration that was loaded. */
export async function open({ isolation }: Plugin, { configs = [], ...options }: OpenOptions = {}): Promise<Rotator> {
  const { openIsolatedRotator } = await shipped();
  return openIsolatedRotator(isolation, configs, { from: '/', variables: {}, graceMs: 500, ...options });
}

/** Connects, and closes with the test. */
export async function connected(
  text: PluginText,
  { config = {}, ...options }: OpenOptions & { readonly config?: unknown } = {},
): Promise<{ readonly connection: Connection; readonly rotator: Rotator; readonly plugin: Plugin }> {
  const plugin = await writePlugin(text);
  const rotator = await open(plugin, options);
  const connection = rotator.connect(config);
  onTestFinished(() => connection.close());
  return { connection, rotator, plugin };
}

/** A line of a rotator's log, as text. */
export type Line = string;

/** What a call is told; `lines` collects what is logged. */
export function aContext(change: Partial<RotatorContext> = {}, lines: Line[] = []): RotatorContext {
  const write =
    (level: string) =>
    (facts: object, message: string): void =>
      void lines.push(`${level} ${message} ${JSON.stringify(facts)}`);
  return {
    rotationId: 'r1',
    secret: 'test:/acme',
    step: 'create',
    attempt: 1,
    fence: { era: 1, epoch: 1, known: false },
    signal: new AbortController().signal,
    deadlineMs: 60_000,
    databaseTimeMs: 7,
    log: { debug: write('debug'), warn: write('warn') },
    ...change,
  };
}

/** What is thrown. */
export async function thrownBy(
  call: Promise<unknown>,
): Promise<Error & { readonly code?: string; readonly facts?: object }> {
  try {
    await call;
  } catch (thrown) {
    return thrown as Error;
  }
  throw new Error('nothing was thrown');
}
