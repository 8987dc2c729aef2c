import type { Rig, Standing } from './rig.js';
import type { CrashSecret } from './installation.js';
import { endOf } from './scenarios.js';
import { credentialIn } from './target.js';
import type { Credential } from '../../src/core/credential.js';
import { judgeHistory } from '../../src/core/history.js';
import { workflows } from '../../src/main/settings.js';

/** A commit takes its time before it has all its locks. Milliseconds. */
const slackMs = 100;

/** A rotation that has come to rest, and what it began with. */
export interface Judged {
  readonly secret: CrashSecret;
  readonly rotationId: string;
}

/**
 * Looks at the world with its own eyes: fresh logins, the roles themselves, the rows of the database. *Returns* what is
 * not as the scenario must end, a sentence each; [] where all is well.
 */
export async function judge(rig: Rig, judged: Judged, standing: Standing | undefined): Promise<readonly string[]> {
  const { secret, rotationId } = judged;
  const end = endOf[secret.scenario];
  if (standing?.status !== end) {
    return [
      `it is ${standing?.status ?? 'unknown'} in ${standing?.step ?? '?'} (${standing?.code ?? 'no code'}), not ${end}`,
    ];
  }
  const isNew = end === 'completed';
  return [
    ...(await judgeCredentials(rig, judged, isNew)),
    ...(await judgeStore(rig, judged, isNew)),
    ...(await judgeJournal(rig, rotationId)),
    ...(await judgeRemains(rig, rotationId)),
  ];
}

/** Is what `current` names accepted? To be asked at any time, dead workers or not. */
export async function acceptsCurrent(rig: Rig, secret: CrashSecret): Promise<boolean> {
  const stored = await rig.store.readCurrent(secret.id);
  return stored !== null && rig.targets.accepts(secret.kind, credentialIn(stored.value, secret));
}

async function credentialOf({ store }: Rig, secret: CrashSecret, version: number): Promise<Credential | null> {
  const stored = await store.readCurrent(secret.id, version);
  return stored === null ? null : credentialIn(stored.value, secret);
}

/** I1, I2, I4: one credential of the two logs in, and nothing else of the secret is alive at the target. */
async function judgeCredentials(rig: Rig, { secret, rotationId }: Judged, isNew: boolean): Promise<readonly string[]> {
  const findings: string[] = [];
  const [old, fresh] = [await credentialOf(rig, secret, 1), await credentialOf(rig, secret, 2)];
  for (const [name, credential, mustWork] of [
    ['old', old, !isNew],
    ['new', fresh, isNew],
  ] as const) {
    if (credential === null) {
      findings.push(`the ${name} version is not in the store`);
    } else if ((await rig.targets.accepts(secret.kind, credential)) !== mustWork) {
      findings.push(`a login with the ${name} credential is ${mustWork ? 'refused' : 'accepted'}`);
    }
  }
  const live = await rig.targets.live(secret);
  const expected = isNew ? fresh?.identity : old?.identity;
  if (live.length !== 1 || live[0]?.identity !== expected) {
    findings.push(
      `alive at the target are [${live.map(({ identity }) => identity).join(', ')}], not ${expected ?? '?'}`,
    );
  }
  // In place the role is the same one before and after, so after turning back it carries the tag all the same.
  const tag = isNew || secret.kind === 'in-place' ? rotationId : null;
  if (live[0] !== undefined && live[0].rotationId !== tag) {
    findings.push(`${live[0].identity} carries the tag ${live[0].rotationId ?? 'of nobody'}, not ${tag ?? 'none'}`);
  }
  return findings;
}

/** I6, I15: one new version for the rotation, and every label where it belongs. */
async function judgeStore(rig: Rig, { secret, rotationId }: Judged, isNew: boolean): Promise<readonly string[]> {
  const findings: string[] = [];
  const { rows: versions } = await rig.pool.query<{ readonly version: number; readonly rotation_id: string | null }>(
    'SELECT version, rotation_id FROM keyturn.versions WHERE secret = $1 ORDER BY version',
    [secret.id],
  );
  const put = versions.filter((each) => each.rotation_id === rotationId).length;
  if (put !== 1 || versions.length !== 2) findings.push(`it put ${put} version(s), and there are ${versions.length}`);
  const { rows: labels } = await rig.pool.query<{ readonly label: string; readonly version: number | null }>(
    'SELECT label, version FROM keyturn.labels WHERE secret = $1 AND version IS NOT NULL ORDER BY label',
    [secret.id],
  );
  const found = labels.map(({ label, version }) => `${label} ${version ?? '-'}`).join(', ');
  const expected = isNew ? 'current 2, previous 1' : 'current 1';
  if (found !== expected) findings.push(`the labels are [${found}], not [${expected}]`);
  return findings;
}

/** The same checker that judges histories elsewhere; and no gap, a proper end, an audit row for each event (A1). */
async function judgeJournal(rig: Rig, rotationId: string): Promise<readonly string[]> {
  const events = await rig.state.views.events(rotationId, 0);
  const findings = judgeHistory([events], { workflows, slackMs }).map(
    ({ invariant, seq, what }) => `${invariant} at event ${seq}: ${what}`,
  );
  if (events.some(({ seq }, index) => seq !== index + 1)) findings.push('the journal has a gap');
  if (events.at(-1)?.event.kind !== 'RotationClosed') findings.push('the journal does not end with RotationClosed');
  const { rows: audit } = await rig.pool.query<{ readonly seq: number }>(
    `SELECT (facts->>'seq')::int AS seq FROM keyturn.audit WHERE rotation_id = $1 AND facts ? 'seq' ORDER BY seq`,
    [rotationId],
  );
  if (audit.map(({ seq }) => seq).join() !== events.map(({ seq }) => seq).join())
    findings.push('the audit trail does not match the journal');
  return findings;
}

/** What a rotation that has ended must not leave behind. */
async function judgeRemains(rig: Rig, rotationId: string): Promise<readonly string[]> {
  const { rows } = await rig.pool.query<{ readonly sealed: number; readonly claims: number }>(
    `SELECT (SELECT count(*)::int FROM keyturn.sealed_values WHERE rotation_id = $1) AS sealed,
            (SELECT count(*)::int FROM keyturn.claims WHERE rotation_id = $1 AND open) AS claims`,
    [rotationId],
  );
  const { sealed = 0, claims = 0 } = rows[0] ?? {};
  return [
    ...(sealed > 0 ? [`${sealed} sealed value(s) are left`] : []),
    ...(claims > 0 ? [`${claims} claim(s) are still open`] : []),
  ];
}
