import { readFileSync, readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { receiver, status } from '../adapters/http/receiver.js';
import { eventually } from '../support/eventually.js';
import { startKeyturn } from './keyturn.js';
import { workspace } from './workspace.js';

const path = '/demo/hooks/key';

/** The keys that are on, as docs/rotators.md tells whoever verifies to read them. */
function keysIn(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map(
      (file) =>
        JSON.parse(readFileSync(join(folder, file), 'utf8')) as { readonly state: string; readonly key: string },
    )
    .filter(({ state }) => state === 'on')
    .map(({ key }) => key);
}

function isGenuine(key: string, body: string, headers: Readonly<Record<string, string>>): boolean {
  try {
    return new Webhook(key).verify(body, { ...headers }) !== undefined;
  } catch {
    return false;
  }
}

test('Keyturn rotates its own webhook key, and a receiver takes every webhook by the keys it has', async () => {
  const place = await workspace();
  const folder = join(place.folder, 'keys');
  await mkdir(folder);
  const verdicts: { readonly event: string; readonly ofKeysThere: number; readonly signatures: number }[] = [];
  const sink = await receiver(({ headers, body }, response) => {
    const ofKeysThere = keysIn(folder).filter((key) => isGenuine(key, body, headers)).length;
    const { type } = JSON.parse(body) as { readonly type: string };
    verdicts.push({ event: type, ofKeysThere, signatures: headers['webhook-signature']?.split(' ').length ?? 0 });
    status(204)({ headers, body }, response);
  });
  const file = join(place.folder, 'keyturn.config.ts');
  const text = (await readFile(file, 'utf8'))
    .replace('defineConfig, env', 'defineConfig, env, store')
    .replace(/^import postgres.*$/m, "$&\nimport signingKey from 'keyturn/rotators/signing-key';")
    .replace(
      'targets: { billing }',
      `targets: { billing, hooks: { rotator: signingKey, config: { folder: '${folder}' } } }`,
    )
    .replace(
      'secrets: {',
      `allowPrivateAddresses: true,
      webhooks: [{ name: 'sink', url: '${sink.url}', key: store('${path}', 'key') }],
      secrets: {
        '${path}': { target: 'hooks', config: { name: 'sink' }, policy: { grace: '10s', quiet: '0s', watch: '0s', poll: '100ms' } },`,
    );
  await writeFile(file, text);
  await startKeyturn(['worker', '--health-port', 'off'], place.options, /Working/);
  const asked = ['--env', 'demo', '--reason', 'a test'];
  const of = (event: string) => verdicts.filter((each) => each.event === `rotation.${event}`);
  const eventuallyIs = async (what: string, look: () => boolean) => eventually(what, look, { maxMs: 60_000 });
  const completes = async (count: number) =>
    eventuallyIs(`${count} rotations have completed`, () => of('completed').length === count);

  await place.run('rotate', path, ...asked);
  await completes(1);
  await place.run('rotate', path, ...asked);
  await eventuallyIs('the second key is promoted', () => of('promoted').length === 2);
  // Held in its grace, it goes no further: both keys are on.
  await place.run('hold', path, ...asked);
  await place.run('rotate', '/demo/billing/db', ...asked);
  await completes(2);
  await place.run('hold', path, '--env', 'demo', '--release');
  await completes(3);
  await place.run('rotate', '/demo/billing/db', ...asked);
  await completes(4);

  expect(verdicts.filter(({ ofKeysThere }) => ofKeysThere === 0)).toEqual([]);
  expect(of('completed')[1]).toEqual({ event: 'rotation.completed', ofKeysThere: 2, signatures: 2 });
  expect(of('completed').at(-1)).toEqual({ event: 'rotation.completed', ofKeysThere: 1, signatures: 1 });
}, 180_000);
