import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { postgresHistory } from '../../src/adapters/postgres/history.js';
import { verify } from '../../src/cli/verify.js';
import type { Violation } from '../../src/core/history/violation.js';
import inPlaceRotation from '../../workflows/in-place-rotation.js';
import stagedRotation from '../../workflows/staged-rotation.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { freshState } from '../adapters/postgres/state.js';
import { keyturn, startKeyturn } from './keyturn.js';

const rotate = ['rotate', '/demo/billing/db', '--env', 'demo', '--reason', 'a test', '--wait'] as const;

/** What somebody with all rights writes, and what the judge says of it. */
const tamperings: readonly (readonly [what: string, sql: string, says: RegExp])[] = [
  [
    'an event taken out of the journal',
    `DELETE FROM keyturn.journal WHERE kind = 'StepIntended' AND event->>'step' = 'disable'`,
    /^A2 event \d+ stands where \d+ should/,
  ],
  [
    'an event taken out everywhere',
    `DELETE FROM keyturn.audit WHERE action = 'GateOpened'; DELETE FROM keyturn.journal WHERE kind = 'GateOpened'`,
    /^I10 StepDone of preflight, which is not open/,
  ],
  [
    'the end cut off',
    `DELETE FROM keyturn.audit WHERE action = 'RotationClosed'; DELETE FROM keyturn.journal WHERE kind = 'RotationClosed'`,
    /^A2 its row knows of \d+ events and the journal ends at/,
  ],
  [
    'a word changed',
    `UPDATE keyturn.journal SET event = jsonb_set(event, '{plan,reason}', '"another"') WHERE kind = 'RotationRequested'`,
    /^A2 the journal and the audit trail do not say the same of it/,
  ],
  [
    'an epoch changed',
    `UPDATE keyturn.journal SET epoch = epoch + 1000000 WHERE kind = 'DestroyDecided'`,
    /^I9 epoch \d+ writes after epoch 1\d{6}/,
  ],
  [
    'evidence changed in the journal and in its audit row',
    `UPDATE keyturn.journal SET event = jsonb_set(event, '{output,answers,0,answer}', '"refused"') WHERE kind = 'StepDone' AND event->>'step' = 'drain';
     UPDATE keyturn.audit SET facts = jsonb_set(facts, '{output,answers,0,answer}', '"refused"') WHERE action = 'StepDone' AND facts->>'step' = 'drain'`,
    /^I2 disable is meant: \(b\) the new credential was not accepted everywhere/,
  ],
  [
    'an event that is no event',
    `UPDATE keyturn.journal SET event = '[17]' WHERE kind = 'StepDone' AND event->>'step' = 'stage'`,
    /^A2 an event of no known kind/,
  ],
  [
    'an audit row taken out',
    `DELETE FROM keyturn.audit WHERE action = 'DestroyDecided'`,
    /^A2 it has no row in the audit trail/,
  ],
  [
    'a row that says it is open',
    `UPDATE keyturn.rotations SET closed_at = NULL, status = 'parked' WHERE rotation_id = (SELECT max(rotation_id) FROM keyturn.rotations)`,
    /^A2 its row says that it is parked/,
  ],
];

test('real rotations are judged clean, and what a superuser changes afterwards is found', {
  timeout: 600_000,
}, async () => {
  const cwd = await temporaryFolder();
  const up = await startKeyturn(['up', '--health-port', '0', '--store-port', 'off'], { cwd }, /Keyturn is up/);
  const { databaseUrl } = JSON.parse(readFileSync(join(cwd, '.keyturn', 'up.json'), 'utf8')) as { databaseUrl: string };
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    expect((await keyturn(rotate, { cwd })).code).toBe(0);
    expect((await keyturn(rotate, { cwd })).code).toBe(0);

    const clean = await keyturn(['audit', 'verify', '/demo/billing/db', '--env', 'demo'], { cwd });
    expect(clean).toMatchObject({ code: 0, stderr: '' });
    expect(clean.stdout).toMatch(/^2 rotations, \d+ events, 0 violations\.\n$/);

    for (const [what, sql, says] of tamperings) {
      await client.query('BEGIN');
      await client.query(sql);
      const told: Violation[] = [];
      await verify(
        postgresHistory(client),
        {},
        { workflows: [stagedRotation, inPlaceRotation], tell: (each) => told.push(each) },
      );
      await client.query('ROLLBACK');
      expect(
        told.map((each) => `${each.invariant} ${each.what}`),
        what,
      ).toContainEqual(expect.stringMatching(says));
    }

    await client.query(`DELETE FROM keyturn.journal WHERE kind = 'DestroyDecided'`);
    const text = await keyturn(['audit', 'verify'], { cwd });
    const json = await keyturn(['audit', 'verify', '--since', '1h', '--json'], { cwd });
    expect(text.code).toBe(1);
    expect(text.stdout).toMatch(
      /^I12 {2}\S+ {2}event \d+: destroy is meant before destroying was decided\. .+ keyturn history \S+$/m,
    );
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      isClean: false,
      rotations: 2,
      violations: expect.arrayContaining([expect.objectContaining({ invariant: 'A2' })]) as unknown,
    });
  } finally {
    await client.end();
    await up.stop();
  }
});

test('an empty journal is clean, and a secret without rotations is a mistake', async () => {
  const state = await freshState();
  const options = { cwd: await temporaryFolder(), env: { KEYTURN_DATABASE_URL: state.appUrl } };

  const all = await keyturn(['audit', 'verify', '--json'], options);
  const one = await keyturn(['audit', 'verify', '/nowhere', '--env', 'prod'], options);
  const path = await keyturn(['audit', 'verify', '/nowhere'], options);
  const since = await keyturn(['audit', 'verify', '--since', 'yesterday'], options);

  expect(JSON.parse(all.stdout)).toEqual({ isClean: true, rotations: 0, events: 0, violations: [] });
  expect(all.code).toBe(0);
  expect(one).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^USAGE: there is no rotation of prod:\/nowhere/) as string,
  });
  expect(path).toMatchObject({ code: 2, stderr: expect.stringMatching(/^USAGE: a path needs --env/) as string });
  expect(since).toMatchObject({ code: 2, stderr: expect.stringMatching(/^USAGE: --since expects/) as string });
});
