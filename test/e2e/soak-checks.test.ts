import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { startKeyturn } from '../cli/keyturn.js';
import { type Workspace, workspace } from '../cli/workspace.js';
import { type PrometheusDouble, startPrometheus } from '../support/prometheus.js';

const path = '/demo/billing/db';
const query = 'sum(rate(errors_total{job="billing"}[1m]))';
const [well, risen] = [0.01, 0.31];

/** A workspace whose secret is watched by a metric while its canary soaks, with a worker. */
async function watchedPlace(prometheus: PrometheusDouble, policy: string): Promise<Workspace> {
  const place = await workspace();
  const file = join(place.folder, 'keyturn.config.ts');
  await writeFile(join(place.folder, 'token'), 'reads-metrics\n');
  const check = `{ name: 'errors', prometheus: { url: '${prometheus.url}', query: '${query}', below: 0.05, token: file('./token') } }`;
  const text = (await readFile(file, 'utf8'))
    .replace('defineConfig, env', 'defineConfig, env, file')
    .replace("poll: '100ms' },", `poll: '100ms', ${policy} },\n          checks: [${check}],`)
    .replace('secrets: {', 'allowPrivateAddresses: true,\n      secrets: {');
  await writeFile(file, text);
  await startKeyturn(['worker', '--health-port', 'off'], place.options, /Working/);
  return place;
}

const rotate = async ({ run }: Workspace) => run('rotate', path, '--env', 'demo', '--reason', 'a test', '--wait');

/** What `current` is on, as an application reads it and logs in with it. */
async function current(place: Workspace) {
  const target = /host: '([^']+)', port: (\d+)[^]*database: '([^']+)'/.exec(
    await readFile(join(place.folder, 'keyturn.config.ts'), 'utf8'),
  );
  await place.run('store', 'get', path, '--env', 'demo', '--out', 'credential', '--force');
  const login = JSON.parse(await readFile(join(place.folder, 'credential'), 'utf8')) as {
    readonly username: string;
    readonly password: string;
  };
  const [, host, port, database] = target ?? [];
  const client = new pg.Client({
    host: host!,
    port: Number(port),
    database: database!,
    user: login.username,
    password: login.password,
  });
  await client.connect();
  await client.end();
  const { versions } = JSON.parse((await place.run('store', 'history', path, '--env', 'demo', '--json')).stdout) as {
    readonly versions: readonly { readonly version: number; readonly labels: readonly string[] }[];
  };
  const alive = await place.ask('SELECT count(*)::int AS open FROM keyturn.rotations WHERE closed_at IS NULL');
  return {
    username: login.username,
    labels: Object.fromEntries(versions.flatMap(({ version, labels }) => labels.map((label) => [label, version]))),
    open: alive[0]?.['open'],
  };
}

const logins = async ({ targetRoles }: Workspace) =>
  (await targetRoles()).filter((each) => (each as { readonly rolcanlogin: boolean }).rolcanlogin);

test('a rotation passes while the metric of a consumer is well, and the next turns back when it rises', async () => {
  const prometheus = await startPrometheus(() => well);
  const place = await watchedPlace(prometheus, "soak: '500ms'");
  expect(await rotate(place)).toMatchObject({ code: 0 });
  const [asked] = prometheus.asked;
  expect(asked).toEqual({ query, authorization: 'Bearer reads-metrics' });
  const [before, rolesBefore] = [await current(place), await logins(place)];
  const seen = prometheus.asked.length;
  // The first look is never the last one, however slow they are: the soak begins with it.
  prometheus.value = (looks) => (looks === seen + 1 ? well : risen);

  const turned = await rotate(place);

  expect(turned.code).toBe(1);
  expect(turned.stdout).toContain(
    `CANARY_CHECK_FAILED: check errors turned the canary of ${path} back after 2 look(s) in a row that found it bad: 0.31 is not below 0.05`,
  );
  expect(prometheus.asked.length - seen).toBeGreaterThanOrEqual(3);
  expect(await current(place)).toEqual({ ...before, open: 0 });
  expect(before.labels).toEqual({ current: 1 });
  expect(await logins(place)).toEqual(rolesBefore);
  prometheus.value = () => well;
  expect(await rotate(place)).toMatchObject({ code: 0 });
  expect((await current(place)).username).not.toBe(before.username);
}, 240_000);

test('a rotation whose metric nobody can see waits, and turns back when its time is over', async () => {
  const prometheus = await startPrometheus(() => well);
  const place = await watchedPlace(prometheus, "soak: '300ms', canaryMax: '1s'");
  expect(await rotate(place)).toMatchObject({ code: 0 });
  const [before, rolesBefore, seen] = [await current(place), await logins(place), prometheus.asked.length];
  prometheus.value = () => null;

  const turned = await rotate(place);

  expect(turned.code).toBe(1);
  expect(turned.stdout).toContain('waits: check errors: its server answered 503');
  expect(turned.stdout).toContain(
    `CANARY_TIMED_OUT: the canary of ${path} did not pass within 1000 ms: check errors: its server answered 503`,
  );
  expect(prometheus.asked.length - seen).toBeGreaterThan(1);
  expect(await current(place)).toEqual({ ...before, open: 0 });
  expect(await logins(place)).toEqual(rolesBefore);
}, 240_000);
