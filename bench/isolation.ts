import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Connection, Rotator, RotatorContext } from 'keyturn/rotator';
import type * as FolderIntegrity from '../src/adapters/child/folder-integrity.js';
import type * as IsolatedRotator from '../src/adapters/child/isolated-rotator.js';

// What it costs that a rotator runs in a process of its own: a call of the random rotator in this process and over the
// line, and what comes before the first call of a rotation. All of it is of the build. Run: npm run bench:isolation

const calls = 2_000;
const starts = 20;

const root = fileURLToPath(new URL('../', import.meta.url));
const built = async <Module>(path: string): Promise<Module> =>
  (await import(pathToFileURL(join(root, 'dist', path)).href)) as Module;

const { folderIntegrity } = await built<typeof FolderIntegrity>('src/adapters/child/folder-integrity.js');
const { openIsolatedRotator } = await built<typeof IsolatedRotator>('src/adapters/child/isolated-rotator.js');
const { default: random } = await built<{ readonly default: Rotator }>('rotators/random/index.js');

const contextFor = (rotationId: string): RotatorContext => ({
  rotationId,
  secret: 'bench:/tokens',
  step: 'bench',
  attempt: 1,
  fence: { era: 1, epoch: 1, known: false },
  signal: new AbortController().signal,
  deadlineMs: 60_000,
  databaseTimeMs: 0,
  log: { debug: () => {}, warn: () => {} },
});

/** The time each took, sorted. Milliseconds. */
async function timed(count: number, act: (index: number) => Promise<unknown>): Promise<readonly number[]> {
  const took: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const startedMs = performance.now();
    await act(index);
    took.push(performance.now() - startedMs);
  }
  return took.sort((a, b) => a - b);
}

const at = (took: readonly number[], part: number): string =>
  `${(took[Math.floor((took.length - 1) * part)] ?? 0).toFixed(2)} ms`;
const say = (what: string, took: readonly number[]): void =>
  console.log(`${what}: p50 ${at(took, 0.5)}, p99 ${at(took, 0.99)} (${took.length})`);

const place = await mkdtemp(join(tmpdir(), 'keyturn-bench-isolation-'));
const opened: Connection[] = [];
try {
  const [acme, tokens] = [join(place, 'node_modules', 'acme'), join(place, 'tokens')];
  await Promise.all([mkdir(acme, { recursive: true }), mkdir(tokens)]);
  await symlink(root, join(place, 'node_modules', 'keyturn'));
  await symlink(join(root, 'node_modules', 'zod'), join(place, 'node_modules', 'zod'));
  await cp(join(root, 'dist', 'rotators', 'random', 'index.js'), join(acme, 'index.js'));
  await writeFile(join(acme, 'package.json'), '{ "type": "module", "exports": "./index.js" }');
  const integrity = await folderIntegrity(acme);
  const isolation = { package: 'acme', integrity, variables: [], read: [], write: [tokens], maxMemoryMb: 128 };
  const open = () => openIsolatedRotator(isolation, [], { from: place, variables: {} });
  const connect = (rotator: Rotator): Connection => {
    const connection = rotator.connect({ folder: tokens, name: 'bench' });
    opened.push(connection);
    return connection;
  };
  const [here, there] = [connect(random), connect(await open())];
  const ctx = contextFor('r0');
  const proposal = await here.propose(null, ctx);
  await here.create(proposal, ctx);
  const credential = { identity: proposal.identity, value: proposal.value ?? never() };
  const probe = (connection: Connection) => async () => {
    const [answer] = await connection.probe(credential, ctx);
    if (answer?.answer !== 'accepted') throw new Error(`the credential was ${answer?.answer ?? 'not looked at'}`);
  };
  await timed(100, probe(here));
  await timed(100, probe(there));
  say('a probe in the worker', await timed(calls, probe(here)));
  say('a probe in a process of its own', await timed(calls, probe(there)));
  say(
    'the first call of a rotation, which starts its process',
    await timed(starts, (index) => there.identify(contextFor(`r${index + 1}`))),
  );
  say('asking a package what it is, at start', await timed(starts, open));
  say('the hash of its folder', await timed(starts, () => folderIntegrity(acme)));
} finally {
  for (const connection of opened) await connection.close();
  await rm(place, { recursive: true, force: true });
}

function never(): never {
  throw new Error('the random rotator proposes a value');
}
