import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withDatabase } from '../support/test-server.js';
import { type Case, askFor, casesOf, findingsAtRest } from './course.js';
import { Rig } from './rig.js';

describe('the judge of the process rig', () => {
  let rig: Rig;
  let cases: readonly Case[];
  let superuser: pg.Client;

  beforeAll(async () => {
    rig = await Rig.open({ queue: 'postgres', secrets: [{ kind: 'two-role', scenario: 'success' }] });
    cases = casesOf(rig);
    const worker = await rig.worker();
    await askFor(rig, cases);
    await rig.atRest(cases.map(({ rotationId }) => rotationId));
    await worker.kill();
    superuser = new pg.Client(withDatabase(rig.straight.stateUrl, 'keyturn_state'));
    await superuser.connect();
  }, 300_000);

  afterAll(async () => {
    await superuser.end();
    await rig.close();
  });

  it('finds nothing wrong with a rotation that went well', async () => {
    expect(await findingsAtRest(rig, cases)).toEqual([]);
  });

  const [old, fresh] = ['s0_a', 's0_b'];
  it.each([
    [
      'an old role that may log in again',
      `ALTER ROLE ${old} LOGIN`,
      `ALTER ROLE ${old} NOLOGIN`,
      'alive at the target',
    ],
    [
      'a label that is left',
      `INSERT INTO keyturn.labels (secret, label, version) SELECT secret, 'pending', 2 FROM keyturn.secrets
         ON CONFLICT (secret, label) DO UPDATE SET version = 2`,
      `UPDATE keyturn.labels SET version = NULL WHERE label = 'pending'`,
      'the labels are',
    ],
    [
      'a sealed value that is left',
      `INSERT INTO keyturn.sealed_values SELECT rotation_id, 'new', '\\x00' FROM keyturn.rotations`,
      'DELETE FROM keyturn.sealed_values',
      'sealed value(s) are left',
    ],
    [
      'a claim that is left',
      'UPDATE keyturn.claims SET open = true',
      'UPDATE keyturn.claims SET open = false',
      'claim(s) are still open',
    ],
    [
      'an audit row that is missing',
      `CREATE TABLE kept AS SELECT * FROM keyturn.audit WHERE action = 'DestroyDecided';
         DELETE FROM keyturn.audit WHERE action = 'DestroyDecided'`,
      `INSERT INTO keyturn.audit OVERRIDING SYSTEM VALUE SELECT * FROM kept; DROP TABLE kept`,
      'the audit trail does not match',
    ],
    [
      'a decision that is missing from the journal',
      `CREATE TABLE kept AS SELECT * FROM keyturn.journal WHERE kind = 'DestroyDecided';
         DELETE FROM keyturn.journal WHERE kind = 'DestroyDecided'`,
      `INSERT INTO keyturn.journal SELECT * FROM kept; DROP TABLE kept`,
      'the journal has a gap',
    ],
    [
      'a new role that may not log in',
      `ALTER ROLE ${fresh} NOLOGIN`,
      `ALTER ROLE ${fresh} LOGIN`,
      'a login with the new credential is refused',
    ],
  ])('finds %s', async (_, break_, mend, finding) => {
    await superuser.query(break_);
    try {
      expect((await findingsAtRest(rig, cases)).join('; ')).toContain(finding);
    } finally {
      await superuser.query(mend);
    }
    expect(await findingsAtRest(rig, cases)).toEqual([]);
  });
});
