import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.js';
import { reportFigure } from '../support/figures.js';
import { withDatabase } from '../support/test-server.js';
import { askFor, findingsAtRest, patienceMs } from './course.js';
import { acceptsCurrent } from './judge.js';
import type { Rig } from './rig.js';
import { surrounded } from './surroundings.js';
import { credentialIn } from './target.js';

/** A login and its comment, as a backup of the target holds them. */
interface Backup {
  readonly name: string;
  readonly verifier: string;
  readonly comment: string | null;
}

async function superuserOf(rig: Rig): Promise<pg.Client> {
  const client = new pg.Client(withDatabase(rig.straight.stateUrl, 'postgres'));
  await client.connect();
  onTestFinished(async () => client.end());
  return client;
}

describe('a target that is restored from an older state', () => {
  // F27: what `current` names is refused, and what was destroyed is alive again.
  it('is found by the audit of what `current` names, and no rotation touches it', {
    timeout: 600_000,
  }, async (context) => {
    const { rig, cases, probe } = await surrounded({
      queue: 'postgres',
      secrets: [{ kind: 'two-role', scenario: 'success' }],
    });
    const [{ secret }] = cases as readonly [(typeof cases)[number]];
    const target = await superuserOf(rig);
    const { rows } = await target.query<Backup>(
      `SELECT rolname AS name, rolpassword AS verifier, shobj_description(oid, 'pg_authid') AS comment
         FROM pg_authid WHERE rolname = $1`,
      [`${secret.name}_a`],
    );
    const backup = rows[0]!;
    await rig.worker();
    await askFor(rig, cases);
    expect(await findingsAtRest(rig, cases)).toEqual([]);
    expect((await probe.stop()).refused).toEqual([]);

    const [name, comment] = [pg.escapeIdentifier(backup.name), backup.comment];
    await target.query(`
      DROP ROLE ${pg.escapeIdentifier(`${secret.name}_b`)};
      ALTER ROLE ${name} LOGIN PASSWORD ${pg.escapeLiteral(backup.verifier)};
      COMMENT ON ROLE ${name} IS ${comment === null ? 'NULL' : pg.escapeLiteral(comment)};
      COMMENT ON ROLE ${pg.escapeIdentifier(`${secret.name}_owner`)} IS NULL`);
    expect(await acceptsCurrent(rig, secret)).toBe(false);
    await rig.pool.query('UPDATE keyturn.secrets SET next_audit_at = now() WHERE secret = $1', [secret.id]);
    const reason = await eventually(
      'the audit of what `current` names says that it is refused',
      async () =>
        (
          await rig.pool.query<{ readonly reason: string }>(
            `SELECT reason FROM keyturn.audit
              WHERE secret = $1 AND action = 'AliasAudited' AND reason IS NOT NULL LIMIT 1`,
            [secret.id],
          )
        ).rows[0]?.reason,
      { maxMs: patienceMs },
    );
    expect(reason).toMatch(/version 2, named by current, is refused/);

    const rotationId = await rig.ask(secret);
    const standing = (await rig.atRest([rotationId])).get(rotationId);
    expect(['parked', 'rolled_back']).toContain(standing?.status);
    expect(['FENCE_MISSING', 'CURRENT_REFUSED', 'PREFLIGHT_FAILED']).toContain(standing?.code);
    const old = await rig.store.readCurrent(secret.id, 1);
    expect(old !== null && (await rig.targets.accepts('two-role', credentialIn(old.value, secret)))).toBe(true);
    expect((await rig.targets.live(secret)).map(({ identity }) => identity)).toEqual([backup.name]);
    reportFigure(
      context,
      `surroundings, target restored from an older state: 1 fault, found and left alone (${standing?.code ?? ''})`,
    );
  });
});
