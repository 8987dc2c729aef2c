import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Held, answerLater } from 'keyturn/consumer';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { localKeyring } from '../../src/adapters/local-keyring/local-keyring.js';
import { postgresStoreReader } from '../../src/adapters/postgres/store/versions.js';
import { type Credential, parseCredential } from '../../src/core/credential.js';
import { openSecret } from '../../src/core/secret.js';
import { freshKey, receiver } from '../adapters/http/receiver.js';
import { openPool } from '../support/pool.js';
import { type Answer, startKeyturn } from './keyturn.js';
import { workspace } from './workspace.js';

const path = '/demo/billing/db';
const fields = { identity: 'username', value: 'password' };

/** What an application does with a challenge it is asked about, once it has answered 202. */
type Behaviour = (phase: 'canary' | 'drain', held: () => Promise<Held>) => Promise<Held>;

const honest: Behaviour = async (_, held) => held();

/** A workspace whose secret is read by one application that only ever answers later, with worker and `/v1/acks`. */
async function latePlace() {
  const place = await workspace();
  const key = freshKey();
  const environment = { CONSUMER_KEY: key };
  const application = { behaviour: honest, acksUrl: '', acked: [] as string[] };
  const pool = openPool(place.stateUrl, 2);
  onTestFinished(async () => pool.end());
  const credential = async (selector: number | 'current' | 'previous'): Promise<Credential> => {
    const reader = postgresStoreReader({ pool, keyring: await localKeyring(join(place.folder, 'keyturn.key')) });
    const stored = await reader.readCurrent(`demo:${path}`, selector);
    return parseCredential(stored!.value, fields, path);
  };
  const server = await receiver(({ body, headers }, response) => {
    const { answer, acked } = answerLater({
      ...{ body, headers, key, instance: 'web-1', environment: 'demo', url: application.acksUrl },
      held: async ({ phase, version }) =>
        application.behaviour(phase, async () => {
          const { value } = await credential(version);
          return { kind: 'uses', value: openSecret(value) };
        }),
    });
    response.writeHead(answer.status, answer.headers).end(answer.body);
    void acked.then((each) => application.acked.push(each.kind === 'sent' ? String(each.status) : each.kind));
  });
  const file = join(place.folder, 'keyturn.config.ts');
  const web = `{ name: 'web', url: '${server.url}', canary: true, cacheTtl: '0s', key: env('CONSUMER_KEY') }`;
  const text = (await readFile(file, 'utf8'))
    .replace("poll: '100ms' },", `poll: '100ms', drainMax: '10s', canaryMax: '20s' },\n          consumers: [${web}],`)
    .replace('secrets: {', 'allowPrivateAddresses: true,\n      secrets: {');
  await writeFile(file, text);
  const options = { ...place.options, env: { ...place.options.env, ...environment } };
  const target = /host: '([^']+)', port: (\d+)[^]*database: '([^']+)'/.exec(text);
  return {
    ...{ place, options, application, credential },
    rotate: async (): Promise<Answer> => {
      const args = ['rotate', path, '--env', 'demo', '--reason', 'a test', '--wait'];
      return place.run(...args);
    },
    /** Logs in at the target as an application would. */
    logsIn: async ({ identity, value }: Credential): Promise<boolean> => {
      const [, host = '', port, database = ''] = target ?? [];
      const password = Buffer.from(openSecret(value)).toString('utf8');
      const client = new pg.Client({ host, port: Number(port), database, user: identity, password });
      return client.connect().then(
        async () => client.end().then(() => true),
        () => false,
      );
    },
  };
}

async function startWorkerAndAcks({ options, application }: Awaited<ReturnType<typeof latePlace>>): Promise<void> {
  const serving = await startKeyturn(['serve', '--acks', '--acks-port', '0'], options, /Stop with Ctrl-C/);
  application.acksUrl = /^Taking acks at (\S+)\. Stop/.exec(serving.output().stdout)?.[1] ?? '';
  await startKeyturn(['worker', '--health-port', 'off'], options, /Working/);
}

test('a rotation completes whose consumer only ever answers later, and turns back when it refuses later', async () => {
  const late = await latePlace();
  await startWorkerAndAcks(late);
  expect(late.application.acksUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1\/acks$/);

  expect(await late.rotate()).toMatchObject({ code: 0 });
  expect(await late.rotate()).toMatchObject({ code: 0 });

  const current = await late.credential('current');
  expect(await late.logsIn(current)).toBe(true);
  expect(await late.logsIn(await late.credential(1))).toBe(false);
  expect(late.application.acked).toContain('202');
  late.application.behaviour = async () => ({ kind: 'refuses', reason: 'login\nrefused' });

  const turned = await late.rotate();

  expect(turned.code).toBe(1);
  expect(turned.stdout).toMatch(/CANARY_REFUSED: .*web.*login refused/);
  expect((await late.credential('current')).identity).toBe(current.identity);
  expect(await late.logsIn(current)).toBe(true);
}, 240_000);

test('wrong acks never close a drain: the old credential lives on until the right ones come', async () => {
  const late = await latePlace();
  await startWorkerAndAcks(late);
  expect(await late.rotate()).toMatchObject({ code: 0 });
  const old = await late.credential('current');
  late.application.behaviour = async (phase, held) =>
    phase === 'canary' ? held() : { kind: 'uses', value: openSecret(old.value) };

  expect(await late.rotate()).toMatchObject({ code: 3 });

  const [{ id } = { id: '' }] = await late.place.ask(
    'SELECT rotation_id AS id FROM keyturn.rotations WHERE closed_at IS NULL',
  );
  expect((await late.place.run('status', String(id))).stdout).toMatch(/DRAIN_TIMED_OUT.*no proof from web/s);
  expect(await late.logsIn(old)).toBe(true);
  const audited = await late.place.ask(
    `SELECT DISTINCT principal, rotation_id AS id, facts->>'outcome' AS outcome, facts->>'instance' AS instance
     FROM keyturn.audit WHERE action = 'ack'`,
  );
  expect(audited).toEqual([{ principal: 'web', id, outcome: 'wrong', instance: 'web-1' }]);
  late.application.behaviour = honest;

  expect(await late.place.run('resume', String(id), '--wait')).toMatchObject({ code: 0 });
  expect(await late.logsIn(old)).toBe(false);
  expect(await late.logsIn(await late.credential('current'))).toBe(true);
}, 240_000);

test('up takes acks where it is told to, and what cannot be taken is refused by name', async () => {
  const late = await latePlace();
  const args = ['up', '--health-port', 'off', '--store-port', 'off', '--acks-port', '0'];
  const up = await startKeyturn(args, late.options, /Keyturn is up/);
  const url = /^acks +(\S+)$/m.exec(up.output().stdout)?.[1] ?? '';
  const body = JSON.stringify({ nonce: 'nobody-knows-it-at-all', instance: 'a', proof: 'A'.repeat(43) });

  const answer = await fetch(url, { method: 'POST', body });

  expect(answer.status).toBe(404);
  const refused = async (finding: RegExp, ...options: readonly string[]) =>
    expect(await late.place.run('serve', ...options)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(finding) as unknown,
    });
  await refused(/^USAGE: .*--store, --acks, or both/);
  await refused(/^USAGE: --acks-port off takes nothing/, '--acks', '--acks-port', 'off');
  await refused(/^USAGE: --acks-port expects a number from 0 to 65535/, '--acks', '--acks-port', '70000');
  await refused(/^REFERENCE_UNRESOLVED: .*CONSUMER_KEY/, '--acks', '--acks-port', '0');
  expect(await up.stop()).toMatchObject({ code: 0 });
}, 120_000);
