import { expect, test } from 'vitest';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { Executor, planFor } from '../../src/testing/journal-harness.js';
import { freshState, harnessOf } from '../adapters/postgres/state.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { keyturn } from './keyturn.js';
import { workspace } from './workspace.js';

const waiting = (step: string, why: string): RotationEvent => ({
  kind: 'GateWaiting',
  step,
  facts: {},
  why,
  againInMs: 1_000,
});

/** A rotation on the way, and what `status` says of it in text and as a document. */
async function rotating(name: string) {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor(name));
  const options = { cwd: await temporaryFolder(), env: { KEYTURN_DATABASE_URL: state.url } };
  const status = async () => {
    const text = await keyturn(['status', `${name}-1`], options);
    const json = await keyturn(['status', `${name}-1`, '--json'], options);
    return { text: text.stdout, json: JSON.parse(json.stdout) as Record<string, unknown> };
  };
  return { state, executor, status };
}

test('a rotation that waits at a gate says why, since when, and which commands fit', async () => {
  const { executor, status } = await rotating('gate');
  await executor.commit([{ kind: 'GateOpened', step: 'canary' }, waiting('canary', 'no proof from job')]);
  await executor.commit([waiting('canary', 'no proof from web (no answer)')]);
  await executor.commit([waiting('canary', 'no proof from web (no answer)')]);

  const { text, json } = await status();

  const until =
    /^waits +no proof from web \(no answer\), since 20\S+ \S+; turns back at 20\S+ \S+ \(canaryMax 10 min 0 s\)$/m;
  expect(text).toMatch(until);
  expect(text).toMatch(/^commands +keyturn follow gate-1\n +keyturn cancel gate-1\n$/m);
  expect(json).toMatchObject({
    waits: {
      step: 'canary',
      why: 'no proof from web (no answer)',
      untilMs: null,
      limit: { setting: 'canaryMax', maxMs: 600_000, then: 'turns back', atMs: expect.any(Number) as number },
    },
    heldBecause: null,
    commands: ['keyturn follow gate-1', 'keyturn cancel gate-1'],
  });
}, 120_000);

test('a rotation that is held once promoted offers the release and the way back', async () => {
  const { state, executor, status } = await rotating('held');
  await executor.commit([
    { kind: 'StepIntended', step: 'promote', attempt: 1 },
    { kind: 'StepDone', step: 'promote', output: null, tookMs: 1 },
    { kind: 'GateOpened', step: 'drain' },
    waiting('drain', 'held'),
  ]);
  await state.admin.query('UPDATE keyturn.secrets SET declared = true');
  await state.operations.hold({ secret: 'prod:/held', by: 'local:person', reason: 'an audit' });

  const { text, json } = await status();

  expect(text).toMatch(/^hold +an audit\n/m);
  expect(text).toMatch(/^ +keyturn hold \/held --env prod --release$/m);
  expect(json).toMatchObject({
    waits: { step: 'drain', why: 'held', limit: null },
    heldBecause: 'an audit',
    commands: ['keyturn follow held-1', 'keyturn rollback held-1', 'keyturn hold /held --env prod --release'],
  });
}, 120_000);

test('a rotation that drains says when it parks', async () => {
  const { executor, status } = await rotating('draining');
  await executor.commit([{ kind: 'GateOpened', step: 'drain' }, waiting('drain', 'no proof from web')]);

  const { text, json } = await status();

  expect(text).toMatch(/^waits +no proof from web, since 20\S+ \S+; parks at 20\S+ \S+ \(drainMax 24 h 0 min\)$/m);
  expect(json).toMatchObject({ waits: { limit: { setting: 'drainMax', then: 'parks' } } });
}, 120_000);

test('a step that is tried again says what failed, and what cannot be taken back is not offered', async () => {
  const { executor, status } = await rotating('again');
  await executor.commit([
    { kind: 'DestroyDecided' },
    { kind: 'StepIntended', step: 'destroy', attempt: 1 },
    {
      kind: 'StepFailed',
      step: 'destroy',
      code: 'TARGET_UNREACHABLE',
      facts: { target: 'main', endpoint: 'db:5432' },
      certain: false,
      retryInMs: 60_000,
    },
  ]);

  const { text, json } = await status();

  expect(text).toMatch(/^waits +TARGET_UNREACHABLE: target main did not answer at db:5432; tried again at 20\d\d-/m);
  expect(json).toMatchObject({ waits: { step: 'destroy' }, commands: ['keyturn follow again-1'] });
}, 120_000);

test('a parked rotation offers to go on or back, and an ended one nothing', async () => {
  const { executor, status } = await rotating('parked');
  await executor.commit([{ kind: 'Parked', code: 'ALIAS_MOVED', facts: { secret: '/parked' } }]);
  const parked = await status();
  await executor.commit([
    { kind: 'RollbackDecided', code: 'CANCELLED', facts: { by: 'local:person' } },
    { kind: 'RotationClosed', status: 'rolled_back' },
  ]);
  const ended = await status();

  const offered = ['keyturn resume parked-1', 'keyturn rollback parked-1'];
  expect(parked.json).toMatchObject({ waits: null, commands: offered });
  expect(ended.json).toMatchObject({ waits: null, commands: [] });
  expect(ended.text).not.toContain('commands');
}, 120_000);

test('a path stands for the newest rotation of its secret, which before the first one is told how to begin', async () => {
  const place = await workspace();
  const path = '/demo/billing/db';
  const never = await place.run('status', path, '--env', 'demo');
  expect(never).toMatchObject({
    code: 0,
    stdout: `${path} has not been rotated yet. Its first rotation: keyturn rotate ${path} --env demo --reason "…"\n`,
  });
  await place.run('rotate', path, '--env', 'demo', '--reason', 'a test');
  const [{ id } = { id: '' }] = await place.ask('SELECT rotation_id AS id FROM keyturn.rotations');

  const byPath = await place.run('status', path, '--env', 'demo');

  expect(byPath).toEqual(await place.run('status', String(id)));
  expect(byPath.stdout).toMatch(new RegExp(`^rotation +${String(id)}\n`));
  expect(await place.run('status', path)).toMatchObject({ code: 2, stderr: expect.stringMatching(/needs --env/) });
  expect(await place.run('status', '/other', '--env', 'demo')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^UNKNOWN_SECRET: .*\/demo\/billing\/db/),
  });
}, 120_000);
