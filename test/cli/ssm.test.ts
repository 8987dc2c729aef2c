import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GetParameterHistoryCommand, LabelParameterVersionCommand } from '@aws-sdk/client-ssm';
import { expect, onTestFinished, test } from 'vitest';
import { FaultProxy, denied } from '../support/ssm/fault-proxy.js';
import { ourServer } from '../support/ssm/ssm-under-test.js';
import { eventually } from '../support/eventually.js';
import { keyturn, startKeyturn } from './keyturn.js';
import { workspace } from './workspace.js';

const path = '/demo/billing/db';
const rotate = ['rotate', path, '--env', 'demo', '--reason', 'a test'] as const;

/** A workspace whose versions are in a Parameter Store: our own wire server, on a database of its own. */
async function ssmPlace(staging: 'label' | 'shadow' = 'label') {
  const ssm = await ourServer();
  const proxy = await FaultProxy.start(ssm.endpoint);
  onTestFinished(async () => {
    await proxy.close();
    await ssm.close();
  });
  const place = await workspace();
  const file = join(place.folder, 'keyturn.config.ts');
  const text = await readFile(file, 'utf8');
  const store = `store: { ssm: { region: '${ssm.region}', key: '${ssm.keyId}', endpoint: '${proxy.endpoint}', prefix: '/kt', putsPerSecond: 50, staging: '${staging}' } },`;
  await writeFile(file, text.replace('targets: { billing },', `targets: { billing },\n      ${store}`));
  const env = {
    ...place.options.env,
    AWS_ACCESS_KEY_ID: ssm.credentials?.accessKeyId ?? '',
    AWS_SECRET_ACCESS_KEY: ssm.credentials?.secretAccessKey ?? '',
  };
  const options = { cwd: place.folder, env };
  const run = (...args: readonly string[]) => keyturn(args, options);
  const history = async (after = '') => {
    const { Parameters = [] } = await ssm.byHand.send(new GetParameterHistoryCommand({ Name: `/kt${path}${after}` }));
    return Parameters.map(({ Version, Labels = [], Type }) => ({ Version, Labels: [...Labels].sort(), Type }));
  };
  return { place, ssm, proxy, options, run, history };
}

test('a secret whose store is SSM is rotated there, and nowhere else', async () => {
  const { place, proxy, options, run, history } = await ssmPlace();
  await startKeyturn(['worker', '--health-port', 'off'], options, /Working/);

  expect(await run(...rotate, '--wait')).toMatchObject({ code: 0 });
  expect(await run(...rotate, '--wait')).toMatchObject({ code: 0 });

  expect(await history()).toEqual([
    { Version: 1, Labels: ['previous'], Type: 'SecureString' },
    { Version: 2, Labels: ['current'], Type: 'SecureString' },
  ]);
  expect(proxy.count('PutParameter')).toBe(2);
  expect(await place.ask('SELECT 1 FROM keyturn.versions')).toEqual([]);
  expect(
    await place.ask(
      "SELECT plan ->> 'storeSettleMs' AS ms FROM (SELECT event -> 'plan' AS plan FROM keyturn.journal) AS j WHERE plan IS NOT NULL LIMIT 1",
    ),
  ).toEqual([{ ms: '360000' }]);
}, 180_000);

test('a secret whose applications read the bare name has its versions beside it', async () => {
  const { proxy, options, run, history } = await ssmPlace('shadow');
  await startKeyturn(['worker', '--health-port', 'off'], options, /Working/);

  expect(await run(...rotate, '--wait')).toMatchObject({ code: 0 });
  expect(await run(...rotate, '--wait')).toMatchObject({ code: 0 });

  expect(await history('.keyturn')).toEqual([
    { Version: 1, Labels: ['previous'], Type: 'SecureString' },
    { Version: 2, Labels: ['current'], Type: 'SecureString' },
  ]);
  expect(await history()).toEqual([
    { Version: 1, Labels: [], Type: 'SecureString' },
    { Version: 2, Labels: [], Type: 'SecureString' },
  ]);
  expect(proxy.count('PutParameter')).toBe(4);
  expect(await run('doctor')).toMatchObject({ code: 0 });
}, 180_000);

test('a first credential that a person puts is under the bare name too', async () => {
  const { place, run, history } = await ssmPlace('shadow');
  const file = join(place.folder, 'credential.json');
  await writeFile(file, '{"username":"somebody","password":"a-password-of-somebody"}', { mode: 0o600 });

  expect(await run('store', 'put', path, '--env', 'demo', '--file', file, '--current')).toMatchObject({ code: 0 });

  expect(await history('.keyturn')).toEqual([{ Version: 1, Labels: ['current'], Type: 'SecureString' }]);
  expect(await history()).toEqual([{ Version: 1, Labels: [], Type: 'SecureString' }]);
}, 180_000);

test('doctor names every permission that is missing, the quota and a wrong clock, and writes nothing', async () => {
  const { proxy, run, history } = await ssmPlace();
  const well = await run('doctor');
  expect(well.stdout).toMatch(/parameter store of demo \(http:\S+, at most 50 puts a second\)/);
  expect(well).toMatchObject({ code: 0 });
  await expect(history()).rejects.toMatchObject({ name: 'ParameterNotFound' });

  const actions = [
    'ssm:GetParameter',
    'ssm:GetParameterHistory',
    'ssm:PutParameter',
    'ssm:LabelParameterVersion',
    'ssm:UnlabelParameterVersion',
  ];
  for (const action of actions) proxy.plant(denied(action), { operation: action.slice('ssm:'.length), times: 9 });
  const refused = await run('doctor');
  expect(refused.code).toBe(1);
  for (const action of actions) expect(refused.stdout).toMatch(new RegExp(`STORE_DENIED: .* denied ${action}\\b`));

  proxy.heal();
  proxy.aheadMs = 60_000;
  const late = await run('doctor');
  expect(late.code).toBe(1);
  expect(late.stdout).toMatch(/CLOCK_SKEWED: /);
}, 180_000);

test('doctor says that only a put shows whether the key may be used, and puts one where that is asked', async () => {
  const { proxy, run } = await ssmPlace();
  const key = /key \S+ of the parameter store of demo/.source;

  const asked = await run('doctor');
  expect(asked).toMatchObject({ code: 0 });
  expect(asked.stdout).toMatch(new RegExp(`^skip {2}${key}: .*--try-put`, 'm'));

  const tried = await run('doctor', '--try-put');
  expect(tried).toMatchObject({ code: 0 });
  expect(tried.stdout).toMatch(new RegExp(`^ok {4}${key}$`, 'm'));
  expect(proxy.requests.filter(({ input }) => input['Name'] === '/kt/demo/billing/keyturn-doctor')).toHaveLength(2);

  const isTried = ({ input }: { readonly input: Readonly<Record<string, unknown>> }) => input['Overwrite'] === true;
  proxy.plant(denied('kms:Encrypt'), { operation: 'PutParameter', when: isTried });
  const refused = await run('doctor', '--try-put');
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.stdout).toMatch(new RegExp(`^FAIL {2}${key}: KEYRING_ACCESS_DENIED: .* denied kms:Encrypt`, 'm'));

  expect(await run('doctor', '--try-put', '--orphans')).toMatchObject({ code: 2 });
}, 180_000);

test('a rotation goes on in no other store than it began in', async () => {
  const { place, options, run, history } = await ssmPlace();
  const file = join(place.folder, 'keyturn.config.ts');
  const worker = () => startKeyturn(['worker', '--health-port', 'off'], options, /Working/);
  const open = async (): Promise<string> => {
    const rows = await place.ask(
      "SELECT status || ' ' || coalesce(code, '') AS at FROM keyturn.rotations ORDER BY requested_at DESC LIMIT 1",
    );
    return String(rows[0]?.['at']);
  };
  const inSsm = await worker();
  expect(await run(...rotate, '--wait')).toMatchObject({ code: 0 });
  await inSsm.stop();
  // The next one waits in its drain gate, for as long as it takes to look away.
  const text = (await readFile(file, 'utf8')).replace("quiet: '0s'", "quiet: '10m'");
  await writeFile(file, text);
  const draining = await worker();
  await run(...rotate);
  const labelled = [
    { Version: 1, Labels: ['previous'], Type: 'SecureString' },
    { Version: 2, Labels: ['current'], Type: 'SecureString' },
  ];
  await eventually(
    'the new version is promoted',
    async () => JSON.stringify(await history()) === JSON.stringify(labelled),
  );
  await draining.stop();

  await writeFile(file, text.replace(/store: .*,/, ''));
  const elsewhere = await worker();
  await eventually('it is parked', async () => (await open()) === 'parked STORE_DENIED');
  await elsewhere.stop();

  expect(await history()).toEqual(labelled);
  expect(await place.ask('SELECT 1 FROM keyturn.versions')).toEqual([]);
  const [{ id } = { id: '' }] = await place.ask(
    'SELECT rotation_id AS id FROM keyturn.rotations ORDER BY requested_at DESC LIMIT 1',
  );
  const status = await run('status', String(id));
  expect(status.stdout).toContain('which began in another store');

  await writeFile(file, text);
  await worker();
  await run('resume', String(id));
  await eventually('it has ended', async () => (await open()).startsWith('rolled_back'));
  expect(await history()).toEqual([
    { Version: 1, Labels: ['current'], Type: 'SecureString' },
    { Version: 2, Labels: [], Type: 'SecureString' },
  ]);
}, 240_000);

test('a first credential is put there by a person, once', async () => {
  const { place, ssm, run, history } = await ssmPlace();
  const file = join(place.folder, 'credential.json');
  await writeFile(file, '{"username":"somebody","password":"a-password-of-somebody"}', { mode: 0o600 });
  const put = ['store', 'put', path, '--env', 'demo', '--file', file, '--current'] as const;

  expect(await run(...put)).toMatchObject({ code: 0 });
  const again = await run(...put);

  expect(again.code).not.toBe(0);
  expect(again.stderr).toContain('VERSION_EXISTS');
  expect(await history()).toEqual([{ Version: 1, Labels: ['current'], Type: 'SecureString' }]);
  expect(
    await place.ask("SELECT facts ->> 'version' AS version FROM keyturn.audit WHERE action = 'VersionPut'"),
  ).toEqual([{ version: '1' }]);
  await ssm.byHand.send(
    new LabelParameterVersionCommand({ Name: `/kt${path}`, ParameterVersion: 1, Labels: ['mine'] }),
  );
}, 180_000);

test('commands for the built-in store say where the parameters of such an environment are', async () => {
  const { place, run } = await ssmPlace();

  for (const args of [
    ['store', 'get', '/demo/billing/db', '--env', 'demo', '--fd', '1'],
    ['store', 'list', '--path', '/demo', '--env', 'demo'],
    ['exec', '--env', 'demo', '--path', '/demo', '--', 'true'],
    ['token', 'create', '--aws', '--env', 'demo', '--path', '/demo/*', '--allow', 'read'],
  ]) {
    const refused = await run(...args);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('the parameters of demo are in AWS SSM');
  }
  expect(await place.ask('SELECT 1 FROM keyturn.access_keys')).toEqual([]);
}, 180_000);
