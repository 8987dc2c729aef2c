import { createHash } from 'node:crypto';
import { appendFile, cp, mkdir, readFile, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { build, built } from '../support/built.js';
import { type Workspace, workspace } from './workspace.js';
import { keyturn, startKeyturn } from './keyturn.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const secret = ['/demo/tokens', '--env', 'demo'] as const;

/** In the place of `create`: makes the credential, and ends its process before it has told so. */
const crashing = (when: string): string => `
import random from './random.js';
import { existsSync, writeFileSync } from 'node:fs';
const connect = (config) => {
  const opened = random.connect(config);
  const create = async (proposal, ctx) => {
    const made = await opened.create(proposal, ctx);
    const marker = config.folder + '/crashed';
    if (${when}) { writeFileSync(marker, ''); console.error('going down'); process.exit(9); }
    return made;
  };
  return { ...opened, create };
};
export default { ...random, connect };
`;

/**
 * The random rotator as a package of somebody else's, installed in a workspace beside `keyturn` and `zod`. When it is
 * loaded it writes the environment it sees into its working folder.
 */
async function installed(place: Workspace): Promise<string> {
  await build();
  const modules = join(place.folder, 'node_modules');
  const acme = join(modules, 'acme');
  await mkdir(acme, { recursive: true });
  await mkdir(join(place.folder, 'tokens'));
  await mkdir(join(place.folder, 'tmp'));
  await symlink(root, join(modules, 'keyturn'));
  await symlink(join(root, 'node_modules', 'zod'), join(modules, 'zod'));
  await cp(built('rotators/random/index.js'), join(acme, 'index.js'));
  await appendFile(
    join(acme, 'index.js'),
    "\nimport { writeFileSync } from 'node:fs';\nif (Object.keys(process.env).length > 0) process.exit(7);\nwriteFileSync('trace', 'loaded');\n",
  );
  await writeFile(join(acme, 'package.json'), '{ "name": "acme", "type": "module", "exports": "./index.js" }');
  return acme;
}

async function configure(place: Workspace, integrity: string): Promise<void> {
  await writeFile(
    join(place.folder, 'keyturn.config.ts'),
    `import { defineConfig, isolated } from 'keyturn';
     const rotator = isolated<typeof import('acme')>('acme', { integrity: '${integrity}', write: ['./tokens'] });
     const policy = { grace: '0s', quiet: '0s', watch: '0s', poll: '100ms', retry: { first: '100ms' } };
     export default defineConfig({ keyring: { file: './keyturn.key' }, environments: { demo: {
       targets: { tokens: { rotator, config: { folder: '${join(place.folder, 'tokens')}' } } },
       secrets: { '/demo/tokens': { target: 'tokens', config: { name: 'app' }, policy } },
     } } });`,
  );
}

/** Does what whoever checks tokens does. */
async function isAccepted(place: Workspace, { id, token }: { readonly id: string; readonly token: string }) {
  const entry = JSON.parse(await readFile(join(place.folder, 'tokens', `${id}.json`), 'utf8')) as {
    readonly state: string;
    readonly salt: string;
    readonly digest: string;
  };
  const digest = createHash('sha256').update(Buffer.from(entry.salt, 'base64')).update(token).digest('base64');
  return entry.state === 'on' && entry.digest === digest;
}

test('a package that is named rotates twice in a process of its own, and leaves nothing behind', async () => {
  const place = await workspace();
  const acme = await installed(place);
  await configure(place, (await place.run('rotator', 'integrity', acme)).stdout.trim());
  const env = { ...place.options.env, TMPDIR: join(place.folder, 'tmp') };
  const worker = await startKeyturn(['worker', '--health-port', 'off'], { cwd: place.folder, env }, /\S/);

  const first = await place.run('rotate', ...secret, '--reason', 'a test', '--wait');
  const second = await place.run('rotate', ...secret, '--reason', 'a test', '--wait');
  await place.run('store', 'get', ...secret, '--out', join(place.folder, 'current.json'));
  await worker.stop();

  expect([first.code, second.code]).toEqual([0, 0]);
  const current = JSON.parse(await readFile(join(place.folder, 'current.json'), 'utf8')) as {
    readonly id: string;
    readonly token: string;
  };
  expect(await isAccepted(place, current)).toBe(true);
  expect(await readdir(join(place.folder, 'tokens'))).toEqual([`${current.id}.json`]);
  expect(await readdir(join(place.folder, 'tmp'))).toEqual([]);
  expect(worker.output().stderr).not.toContain(current.token);
}, 180_000);

test('a package whose process ends after it has made the credential is looked at, and the rotation completes with one', async () => {
  const place = await workspace();
  const acme = await installed(place);
  await rename(join(acme, 'index.js'), join(acme, 'random.js'));
  await writeFile(join(acme, 'index.js'), crashing('!existsSync(marker)'));
  await configure(place, (await place.run('rotator', 'integrity', acme)).stdout.trim());
  await startKeyturn(['worker', '--health-port', 'off'], place.options, /\S/);

  const rotated = await place.run('rotate', ...secret, '--reason', 'a test', '--wait', '--json');

  expect(rotated.code).toBe(0);
  expect((await readdir(join(place.folder, 'tokens'))).sort()).toEqual([
    expect.stringMatching(/^app-.*json$/),
    'crashed',
  ]);
  const failures = await place.ask("SELECT event FROM keyturn.journal WHERE event->>'kind' = 'StepFailed'");
  expect(failures).toMatchObject([{ event: { step: 'create', code: 'ROTATOR_CRASHED', certain: false } }]);
}, 180_000);

test('a package whose process crashes each time parks its rotation, which goes on with a version that works', async () => {
  const place = await workspace();
  const acme = await installed(place);
  await rename(join(acme, 'index.js'), join(acme, 'random.js'));
  await writeFile(join(acme, 'index.js'), crashing('true'));
  const allow = async () => configure(place, (await place.run('rotator', 'integrity', acme)).stdout.trim());
  await allow();
  const worker = await startKeyturn(['worker', '--health-port', 'off'], place.options, /\S/);

  const parked = await place.run('rotate', ...secret, '--reason', 'a test', '--wait', '--json');
  await worker.stop();
  await writeFile(join(acme, 'index.js'), crashing('false'));
  await allow();
  await startKeyturn(['worker', '--health-port', 'off'], place.options, /\S/);
  const { rotationId } = JSON.parse(parked.stdout) as { readonly rotationId: string };
  const resumed = await place.run('resume', rotationId, '--reason', 'it works now', '--wait');

  expect(parked.code).toBe(3);
  expect(parked.stdout + parked.stderr).toContain('ROTATOR_QUARANTINED');
  expect(worker.output().stderr).toContain('going down');
  expect(resumed.code).toBe(0);
}, 180_000);

test('a package that is not the one that was reviewed is refused at start, before a line of it has run', async () => {
  const place = await workspace();
  const acme = await installed(place);
  const integrity = (await place.run('rotator', 'integrity', acme)).stdout.trim();
  await configure(place, integrity);
  await writeFile(join(acme, 'index.js'), `require('fs').writeFileSync('${join(place.folder, 'trace')}', '');`);

  const answer = await keyturn(['worker', '--health-port', 'off'], place.options);

  expect(answer.code).toBe(2);
  expect(answer.stderr).toContain(`ROTATOR_INTEGRITY: the rotator package acme is not the one`);
  expect(answer.stderr).toContain(integrity);
  expect(await readdir(place.folder)).not.toContain('trace');
});
