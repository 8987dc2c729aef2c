import { expect, test } from 'vitest';
import { type StorePlace, storePlace } from './store-place.js';

/** Makes parameters old, and puts reads on record as if they had been made then. */
async function placeWithPast(): Promise<StorePlace> {
  const place = await storePlace();
  for (const name of ['/demo/app/used', '/demo/app/unused', '/demo/app/never', '/demo/app/young']) {
    expect((await place.put(name, 'a value of the app')).code).toBe(0);
  }
  await place.ask(
    `UPDATE keyturn.versions SET at = now() - interval '200 days' WHERE secret <> 'demo:/demo/app/young'`,
  );
  await place.ask(`UPDATE keyturn.accesses SET at = now() - interval '150 days'`);
  await place.store('label', '/demo/app/used:1', 'live');
  await place.ask(`INSERT INTO keyturn.accesses (at, environment, principal, source, action, parameter, version, outcome)
    SELECT now() - ago::interval, 'demo', principal, '10.0.0.1', action, 'demo:/demo/app/' || name, 1, outcome
      FROM (VALUES ('1 day', 'billing', 'GetParameter', 'used', 'done'), ('2 days', 'billing', 'GetParameters', 'used', 'done'),
                   ('100 days', 'reports', 'GetParameter', 'used', 'done'), ('100 days', 'reports', 'GetParameter', 'unused', 'done'),
                   ('1 day', 'thief', 'GetParameter', 'unused', 'AccessDeniedException'),
                   ('1 day', 'ada', 'PutParameter', 'never', 'done')) AS made (ago, principal, action, name, outcome)`);
  // A look below a path of that name, which gave nothing of it away.
  await place.ask(`INSERT INTO keyturn.accesses (environment, principal, source, action, parameter, outcome)
    VALUES ('demo', 'lister', '10.0.0.1', 'GetParametersByPath', 'demo:/demo/app/never', 'done')`);
  return place;
}

const pathsOf = (stdout: string): readonly string[] =>
  (JSON.parse(stdout) as { readonly parameters: readonly { readonly path: string }[] }).parameters.map(
    ({ path }) => path,
  );

test('a report tells who reads each parameter, and picks out those that nobody reads or changes', async () => {
  const place = await placeWithPast();
  const report = (...args: readonly string[]) => place.store('report', ...args);

  const all = await report('--json');
  const unused = await report('--unused', '90d', '--json');
  const stale = await report('--stale', '90d', '--json');
  const both = await report('--unused', '120d', '--stale', '--json');
  const table = await report('--unused');

  const { parameters } = JSON.parse(all.stdout) as { readonly parameters: readonly object[] };
  expect(parameters).toMatchObject([
    { path: '/demo/app/never', lastReadAtMs: null, readers: [], isUnused: true, isStale: true },
    { path: '/demo/app/unused', readers: [], isUnused: true },
    {
      path: '/demo/app/used',
      labels: [{ label: 'live', version: 1 }],
      readers: [{ principal: 'billing', reads: 2, versions: [1] }],
      isUnused: false,
      isStale: true,
    },
    { path: '/demo/app/young', lastReadAtMs: null, isUnused: false, isStale: false },
  ]);
  expect(pathsOf(unused.stdout)).toEqual(['/demo/app/never', '/demo/app/unused']);
  expect(pathsOf(stale.stdout)).toEqual(['/demo/app/never', '/demo/app/unused', '/demo/app/used']);
  expect(pathsOf(both.stdout)).toEqual(['/demo/app/never', '/demo/app/unused', '/demo/app/used']);
  expect(JSON.parse(both.stdout)).toMatchObject({
    parameters: [{ isUnused: true }, { isUnused: false, readers: [{ principal: 'reports' }] }, { isUnused: false }],
  });
  expect(table.stdout).toMatch(
    /^PARAMETER +STATE +LAST READ +CHANGED +LABELS +READ BY \(VERSIONS\)\n\/demo\/app\/never +unused stale +– +20/,
  );
  expect(table.stderr).toBe('');
});

test('nothing is called unused for longer than there is a record', async () => {
  const place = await placeWithPast();
  await place.ask(`UPDATE keyturn.accesses SET at = now() - interval '10 days'`);

  const long = await place.store('report', '--unused', '90d');
  const short = await place.store('report', '--unused', '7d', '--json');

  expect(long.stdout).toBe('None.\n');
  expect(long.stderr).toMatch(
    /^The record of reads begins at 20\S+ \S+: nothing can be called unused for longer than that\.\n$/,
  );
  expect(pathsOf(short.stdout)).toContain('/demo/app/never');
});

test('an age that is none is refused', async () => {
  const place = await storePlace();

  for (const args of [
    ['--unused', 'long'],
    ['--stale', '0d'],
    ['--unused', '400d'],
  ]) {
    const refused = await place.store('report', ...args);
    expect(refused.stderr).toMatch(/^USAGE: --\w+ expects an age such as 90d or 12h, of at most a year/);
    expect(refused.code).toBe(2);
  }
});
