import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { type KmsPlace, alias, currentOf, kmsPlace, rotate, statusOf, workerArgs } from './kms-place.js';

/** The roles that can log in, with what they log in with. */
const loginsOf = async ({ place }: KmsPlace): Promise<readonly unknown[]> => {
  const roles = (await place.targetRoles()) as readonly Readonly<Record<string, unknown>>[];
  return roles.filter((role) => role['rolcanlogin']).map(({ rolname, rolpassword }) => ({ rolname, rolpassword }));
};

test.each([
  ['disabled', (at: KmsPlace) => at.kms.keys.put(at.arn, 'Disabled'), 'KEYRING_KEY_DISABLED', /is disabled/],
  [
    'about to be deleted',
    (at: KmsPlace) => at.kms.keys.put(at.arn, 'PendingDeletion'),
    'KEYRING_KEY_PENDING_DELETION',
    /is pending deletion/,
  ],
  ['denied', (at: KmsPlace) => at.kms.deny('Decrypt'), 'KEYRING_ACCESS_DENIED', /denied kms:Decrypt with key/],
] as const)(
  'under a key that is %s nothing is promoted, both credentials stay valid, and the reason says so',
  async (_, befall, code, sentence) => {
    const at = await kmsPlace();
    await at.worker();
    expect((await at.run(...rotate, '--wait')).code).toBe(0);
    expect(await currentOf(at)).toBe(1);
    await at.change("grace: '0s'", "soak: '1h', grace: '0s'");
    await at.run(...rotate);
    await eventually('the new credential is alive and soaks', async () => (await statusOf(at))['step'] === 'canary', {
      maxMs: 60_000,
    });
    const alive = await loginsOf(at);
    expect(alive).toHaveLength(2);

    befall(at);

    const parked = await eventually(
      'the rotation is parked',
      async () => {
        const status = await statusOf(at);
        return status['status'] === 'parked' ? status : undefined;
      },
      { maxMs: 60_000 },
    );
    expect(parked['code']).toBe(code);
    expect(await currentOf(at)).toBe(1);
    expect(await loginsOf(at)).toEqual(alive);
    const told = await at.run('status', String(parked['id']));
    expect(told.stdout).toMatch(sentence);
    expect(told.stdout).toContain(`keyturn resume ${String(parked['id'])}`);

    at.kms.keys.put(at.arn, 'Enabled');
    at.kms.allow('Decrypt');
    expect((await at.run('resume', String(parked['id']), '--wait')).stdout).toMatch(/rolled back/i);
    expect(await currentOf(at)).toBe(1);
    expect(await loginsOf(at)).toHaveLength(1);
  },
  180_000,
);

test('after promote a disabled key is waited for, and the rotation completes once it is back', async () => {
  const at = await kmsPlace();
  await at.worker();
  expect((await at.run(...rotate, '--wait')).code).toBe(0);
  const retry = "retry: { first: '100ms', max: '200ms', attemptsPerCycle: 1000 }";
  await at.change("grace: '0s'", `grace: '5s', ${retry}`);
  await at.run(...rotate);
  await eventually('the rotation drains', async () => (await statusOf(at))['step'] === 'drain', { maxMs: 60_000 });

  at.kms.keys.put(at.arn, 'Disabled');
  const failed = `SELECT FROM keyturn.journal WHERE kind = 'StepFailed' AND event->>'code' = 'KEYRING_KEY_DISABLED'`;
  await eventually('the gate has looked in vain', async () => (await at.place.ask(failed)).length > 2, {
    maxMs: 60_000,
  });

  expect(await statusOf(at)).toMatchObject({ status: 'running', step: 'drain' });
  expect(await currentOf(at)).toBe(2);
  expect(await loginsOf(at)).toHaveLength(2);
  at.kms.keys.put(at.arn, 'Enabled');
  await eventually('the rotation completes', async () => (await statusOf(at))['status'] === 'completed', {
    maxMs: 60_000,
  });
  expect(await loginsOf(at)).toHaveLength(1);
}, 180_000);

test('doctor asks by dry runs, and names what is missing before the first rotation', async () => {
  const at = await kmsPlace();

  const well = await at.run('doctor');
  expect(well).toMatchObject({ code: 0, stderr: '' });
  expect(well.stdout).toContain(`ok    master key ${alias} (${at.kms.region})\n`);
  at.kms.deny('Decrypt', ({ environment }) => environment === 'demo');
  at.kms.deny('GenerateDataKey', ({ environment }) => environment === 'demo');
  const denied = await at.run('doctor');
  expect(denied.code).toBe(1);
  for (const action of ['kms:GenerateDataKey', 'kms:Decrypt'])
    expect(denied.stdout).toContain(`KEYRING_ACCESS_DENIED: the key service denied ${action} with key ${alias}\n`);
  at.kms.allow('Decrypt');
  at.kms.allow('GenerateDataKey');
  at.kms.keys.put(at.arn, 'Disabled');
  const disabled = await at.run('doctor');
  expect(disabled.stdout).toMatch(/FAIL {2}master key .*KEYRING_KEY_DISABLED: .*\n {6}Enable the key/);
  expect(disabled.code).toBe(1);
}, 120_000);

test('a worker is refused where the alias leads to another key than the database was sealed with', async () => {
  const at = await kmsPlace();
  const running = await at.worker();
  await running.stop();

  at.kms.keys.alias(alias, at.kms.keys.create(at.kms.region));

  const refused = await at.run(...workerArgs);
  expect(refused.stderr).toContain(`KEY_WRONG: the master key ${alias} (${at.kms.region}) is not the one`);
  expect(refused.code).toBe(2);
}, 120_000);

test('commands that need no key ask the key service for nothing', async () => {
  const at = await kmsPlace();

  expect((await at.run('status')).code).toBe(0);
  expect(at.kms.requests).toEqual([]);
}, 120_000);
