import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { answerChallenge, registerInstance } from 'keyturn/consumer';
import { expect, onTestFinished, test } from 'vitest';
import { localKeyring } from '../../src/adapters/local-keyring/local-keyring.js';
import { postgresStoreReader } from '../../src/adapters/postgres/store/versions.js';
import { parseCredential } from '../../src/core/credential.js';
import { openSecret } from '../../src/core/secret.js';
import { freshKey, receiver } from '../adapters/http/receiver.js';
import { openPool } from '../support/pool.js';
import { keyturn, startKeyturn } from './keyturn.js';
import { workspace } from './workspace.js';

const path = '/demo/billing/db';

/** A workspace whose secret is read by an application whose instances register, with worker and server for them. */
async function registeredPlace() {
  const place = await workspace();
  const key = freshKey();
  const file = join(place.folder, 'keyturn.config.ts');
  const web = `{ name: 'web', instances: 'registered', key: env('CONSUMER_KEY') }`;
  const text = (await readFile(file, 'utf8'))
    .replace("poll: '100ms' },", `poll: '100ms', drainMax: '3s' },\n          consumers: [${web}],`)
    .replace('secrets: {', 'allowPrivateAddresses: true,\n      secrets: {');
  await writeFile(file, text);
  const options = { ...place.options, env: { ...place.options.env, CONSUMER_KEY: key } };
  const run = (...args: readonly string[]) => keyturn(args, options);
  const serving = await startKeyturn(['serve', '--acks', '--acks-port', '0'], options, /Stop with Ctrl-C/);
  const acksUrl = /^Taking acks at (\S+)\. Stop/.exec(serving.output().stdout)?.[1] ?? '';
  await startKeyturn(['worker', '--health-port', 'off'], options, /Working/);
  const pool = openPool(place.stateUrl, 2);
  onTestFinished(async () => pool.end());
  const reader = postgresStoreReader({ pool, keyring: await localKeyring(join(place.folder, 'keyturn.key')) });

  /** One instance, which follows `current`, or goes on with what it had. */
  async function instance(name: string, { isStuck = false }: { readonly isStuck?: boolean } = {}) {
    const self = { isStuck, asked: 0 };
    const server = await receiver(async ({ body, headers }, response) => {
      self.asked += 1;
      const answer = await answerChallenge({
        ...{ body, headers, key, instance: name, environment: 'demo' },
        held: async ({ version }) => {
          const stored = self.isStuck ? null : await reader.readCurrent(`demo:${path}`, 'current');
          if (stored?.version !== version) return { kind: 'pending' };
          const { value } = parseCredential(stored.value, { identity: 'username', value: 'password' }, path);
          return { kind: 'uses', value: openSecret(value) };
        },
      });
      response.writeHead(answer.status, answer.headers).end(answer.body);
    });
    const registration = registerInstance({
      ...{ url: acksUrl.replace('/v1/acks', '/v1/instances'), key, consumer: 'web', instance: name },
      ...{ environment: 'demo', secrets: [path], address: server.url },
    });
    await registration.said;
    return Object.assign(self, { close: async () => registration.close() });
  }
  return { place, run, instance, rotate: async () => run('rotate', path, '--env', 'demo', '--reason', 'x', '--wait') };
}

test('each instance that has registered must prove, until it says that it goes', async () => {
  const { place, run, instance, rotate } = await registeredPlace();
  expect((await run('consumers', 'list')).stdout).toMatch(/ web +– +must prove +registered /);
  const one = await instance('web-1');
  const two = await instance('web-2');
  expect(await rotate()).toMatchObject({ code: 0 });
  expect(Math.min(one.asked, two.asked)).toBeGreaterThan(0);

  two.isStuck = true;
  expect(await rotate()).toMatchObject({ code: 3 });
  const [{ id } = { id: '' }] = await place.ask(
    "SELECT rotation_id AS id FROM keyturn.rotations WHERE status = 'parked'",
  );
  expect((await run('status', String(id))).stdout).toContain(
    'no proof from web (web-2: it does not use this version yet)',
  );
  expect((await run('consumers', 'show', String(id))).stdout).toMatch(/web-1 +proved [^]*web-2 +pending /);

  await two.close();
  expect(await run('resume', String(id), '--wait')).toMatchObject({ code: 0 });
}, 180_000);
