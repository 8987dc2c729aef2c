import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { keyName } from '../../src/adapters/http/signing.js';
import { webhookSender } from '../../src/adapters/http/webhook-sender.js';
import { Secret } from '../../src/core/secret.js';
import { Deliverer } from '../../src/engine/deliverer.js';
import { Executor, planFor } from '../../src/testing/journal-harness.js';
import { freshState, harnessOf } from '../adapters/postgres/state.js';
import { freshKey, receiver } from '../adapters/http/receiver.js';
import { eventually } from '../support/eventually.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { keyturn } from './keyturn.js';

/** A webhook that an endpoint refused for good. */
async function refusedWebhook() {
  const state = await freshState();
  const endpoints = [{ environment: 'prod', name: 'ops', url: 'https://ops.example/hook' }];
  await state.registry.declare({ environment: 'prod', secrets: [], targets: [], endpoints });
  const executor = await Executor.start(harnessOf(state), planFor('told'));
  await executor.commit([{ kind: 'GateOpened', step: 'canary' }]);
  const [due] = await state.sweep.undelivered(1, 0);
  const delivery = (await state.deliveries.take(due?.deliveryId ?? '', 60_000))!;
  await state.deliveries.record(delivery, { outcome: 'failed', status: 400, reason: null, tookMs: 5, againInMs: null });
  const options = { cwd: await temporaryFolder(), env: { KEYTURN_DATABASE_URL: state.url } };
  const run = (...args: readonly string[]) => keyturn(['deliveries', ...args], options);
  return { state, id: delivery.deliveryId, run };
}

test('webhooks are listed, shown with their tries, and sent again', async () => {
  const { state, id, run } = await refusedWebhook();

  const listed = await run('list', '--undelivered', '--rotation', 'told');
  expect(listed).toMatchObject({ code: 0, stderr: '' });
  expect(listed.stdout).toMatch(
    new RegExp(`^${id} .* rotation.canary +prod:/told +ops +given up after 1 try, 400$`, 'm'),
  );
  const shown = await run('show', id);
  expect(shown.stdout).toMatch(/^body +\{"type" : "rotation.canary"/m);
  expect(shown.stdout).toMatch(/^\d{4}-\S+ \S+ +400 +0\.01 s$/m);
  expect(JSON.parse((await run('show', id, '--json')).stdout)).toMatchObject({ attempts: [{ status: 400 }] });

  expect(await run('redeliver', id, '--reason', 'the endpoint was mended')).toMatchObject({
    code: 0,
    stdout: `${id} is due now, and a worker sends it.\n`,
  });
  expect((await state.sweep.undelivered(1, 0)).map(({ deliveryId }) => deliveryId)).toEqual([id]);
});

test('what cannot be listed, shown or sent again says why', async () => {
  const { run } = await refusedWebhook();

  expect((await run('list', '--limit', '0')).stderr).toMatch(/^USAGE: --limit /);
  expect((await run('list', '--rotation', 'nothing')).stderr).toMatch(/^UNKNOWN_ROTATION: /);
  expect((await run('show', 'nothing')).stderr).toMatch(/^UNKNOWN_DELIVERY: there is no webhook nothing\. /);
  expect((await run('redeliver', 'nothing', '--reason', 'why not')).stderr).toMatch(/^UNKNOWN_DELIVERY: /);
  expect((await run('redeliver', 'nothing', '--reason', ' ')).stderr).toMatch(/^USAGE: --reason says why/);
  expect(await run('list', '--endpoint', 'nobody')).toMatchObject({ code: 0, stdout: 'There is no such webhook.\n' });
});

/** An endpoint of a configuration and of the database, and a worker's sending for as long as the test lasts. */
async function pinged(answers: () => { readonly status: number }) {
  const state = await freshState();
  const { url, received } = await receiver((_, response) => response.writeHead(answers().status).end());
  await state.registry.declare({
    environment: 'prod',
    secrets: [],
    targets: [],
    endpoints: [{ environment: 'prod', name: 'ops', url }],
  });
  const cwd = await temporaryFolder();
  await writeFile(
    join(cwd, 'keyturn.config.ts'),
    `import { defineConfig, env } from 'keyturn';
     const webhooks = [{ name: 'ops', url: '${url}', key: env('KEY') }];
     export default defineConfig({ keyring: { file: './keyturn.key' }, environments: { prod: { targets: {}, secrets: {}, webhooks } } });`,
  );
  const key = freshKey();
  const keys = new Map([[keyName('prod', 'ops'), Secret.fromText(key)]]);
  const sender = webhookSender({ keys, allowPrivate: true });
  const deliverer = new Deliverer({ deliveries: state.deliveries.together, sender, log: { warn: () => undefined } });
  const work = async () => {
    for (const { deliveryId } of await state.sweep.undelivered(10, 0)) await deliverer.ring(deliveryId);
  };
  const options = { cwd, env: { KEYTURN_DATABASE_URL: state.url } };
  return {
    key,
    received,
    work,
    run: (...args: readonly string[]) => keyturn(['deliveries', 'ping', ...args], options),
  };
}

test('an endpoint is tried, and what it answered is said', async () => {
  let status = 204;
  const { key, received, work, run } = await pinged(() => ({ status }));

  const asked = run('ops', '--env', 'prod');
  await eventually('it has been sent', async () => work().then(() => received.length === 1));
  expect(await asked).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^ops of prod took it: 204 in /) as string,
  });
  const { body, headers } = received[0]!;
  expect(new Webhook(key).verify(body, headers)).toMatchObject({ type: 'test.ping' });

  status = 503;
  const refused = run('ops', '--env', 'prod');
  await eventually('it has been sent again', async () => work().then(() => received.length === 2));
  expect(await refused).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^ops of prod did not take it: 503 in /) as string,
  });
});

test('a trial that nobody sends, and one of an endpoint that is not there, say so', async () => {
  const { run } = await pinged(() => ({ status: 204 }));

  expect(await run('ops', '--env', 'prod', '--wait', '0')).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^Nobody has sent .* is a worker running\?/) as string,
  });
  expect((await run('nobody', '--env', 'prod')).stderr).toMatch(/^UNKNOWN_ENDPOINT: .* nobody\. Name one of: ops\.$/m);
  expect((await run('ops', '--env', 'prod', '--wait', 'long')).stderr).toMatch(/^USAGE: --wait /);
});
