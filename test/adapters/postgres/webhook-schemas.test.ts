import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { folder, schemaFiles, webhookSchemas } from '../../../scripts/webhooks-doc.js';
import type { FinalStatus, RotationEvent } from '../../../src/core/rotation-event.js';
import { Executor, planFor } from '../../../src/testing/journal-harness.js';
import { freshState, harnessOf } from './state.js';

const environment = 'prod';
const staged: RotationEvent = { kind: 'StepDone', step: 'stage', output: { version: 3 }, tookMs: 1 };
const closed = (status: FinalStatus): RotationEvent => ({ kind: 'RotationClosed', status });

test('docs/webhooks is what `npm run docs:webhooks` makes', () => {
  const there = Object.fromEntries(
    readdirSync(folder).map((name) => [name, JSON.parse(readFileSync(`${folder}${name}`, 'utf8')) as unknown]),
  );

  expect(there).toEqual(JSON.parse(JSON.stringify(schemaFiles())));
});

test('every webhook about a rotation is as its schema says', async () => {
  const state = await freshState();
  const endpoints = [{ environment, name: 'ops', url: 'https://ops.example/hook' }];
  await state.registry.declare({ environment, secrets: [], targets: [], endpoints });
  const one = await Executor.start(harnessOf(state), planFor('one'));
  await one.commit([staged, { kind: 'GateOpened', step: 'canary' }]);
  await one.commit([{ kind: 'StepDone', step: 'promote', output: {}, tookMs: 1 }]);
  await one.commit([closed('completed')]);
  const two = await Executor.start(harnessOf(state), planFor('two'));
  await two.commit([{ kind: 'Parked', code: 'HELD', facts: {} }], { dueInMs: null });
  const three = await Executor.start(harnessOf(state), planFor('three'));
  await three.commit([{ kind: 'RollbackDecided', code: 'CANCELLED', facts: {} }, closed('cancelled')]);

  const { rows } = await state.admin.query<{ body: string }>('SELECT body FROM keyturn.deliveries ORDER BY created_at');

  const sent = rows.map(({ body }) => webhookSchemas.rotation.parse(JSON.parse(body)));
  expect(new Set(sent.map(({ type }) => type))).toEqual(new Set(webhookSchemas.rotation.shape.type.options));
});

test('that a secret is exposed is told as its schema says, in the transaction that accepts its rotation', async () => {
  const state = await freshState();
  const endpoint = (name: string, events?: readonly string[]) => ({
    ...{ environment, name, url: 'https://ops.example/hook' },
    ...(events === undefined ? {} : { events }),
  });
  const endpoints = [endpoint('ops'), endpoint('page', ['secret.exposed']), endpoint('other', ['rotation.parked'])];
  await state.registry.declare({ environment, secrets: [], targets: [], endpoints });
  await Executor.start(harnessOf(state), planFor('calm'));
  const plan = { ...planFor('leaked'), exposed: true, reason: 'it stood in a log' };
  expect(await state.intake.accept(plan, [])).toMatchObject({ kind: 'accepted' });
  expect(await state.intake.accept(plan, [])).toMatchObject({ kind: 'accepted' });

  const { rows } = await state.admin.query<{ endpoint: string; body: string }>(
    'SELECT endpoint, body FROM keyturn.deliveries ORDER BY endpoint',
  );
  expect(rows.map((each) => each.endpoint)).toEqual(['ops', 'page']);
  expect(rows.map(({ body }) => webhookSchemas.exposed.parse(JSON.parse(body)).data)).toEqual(
    rows.map(() => ({ environment, secret: plan.secret, rotation: plan.rotationId, sequence: 1 })),
  );
  const { rows: audited } = await state.admin.query(
    "SELECT secret, rotation_id, reason FROM keyturn.audit WHERE action = 'secret.exposed'",
  );
  expect(audited).toEqual([{ secret: plan.secret, rotation_id: plan.rotationId, reason: 'it stood in a log' }]);
});

test('a webhook with one thing more, or a value in it, is not as any schema says', () => {
  const data = { environment, secret: 'prod:/a', rotation: 'r', version: 1, code: null, sequence: 1 };
  const body = { type: 'rotation.promoted', timestamp: '2026-11-23T12:00:00.000Z', data };
  expect(webhookSchemas.rotation.safeParse(body).success).toBe(true);

  const more = { ...body, data: { ...data, value: 'something' } };
  for (const schema of Object.values(webhookSchemas)) expect(schema.safeParse(more).success).toBe(false);
});
