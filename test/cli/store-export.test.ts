import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scanSinks } from '../support/leak-scanner.js';
import { filesAt } from '../support/sinks.js';
import { type StorePlace, storePlace } from './store-place.js';

const value = 'kP8xZt3VqWm6BrLn9YcHd2JsGf7Ta5Ue';
const below = ['export', '--path', '/demo/app'] as const;

async function placeWithParameters(): Promise<StorePlace> {
  const place = await storePlace();
  await place.put('/demo/app/key', value, '--description', 'of the app');
  await place.put('/demo/app/mode', 'quick', '--type', 'String');
  await place.store('label', '/demo/app/mode:1', 'live');
  return place;
}

const kinds = (stdout: string): readonly unknown[] =>
  (JSON.parse(stdout) as { readonly changes: readonly object[] }).changes;

describe('an export', () => {
  test('is sealed, for its owner alone, and comes back with types, descriptions and labels', async () => {
    const place = await placeWithParameters();
    await place.put('/demo/billing/db', JSON.stringify({ username: 'a_role', password: value }), '--current');

    const exported = await place.store('export', '--path', '/demo', '--out', 'app.export');
    const again = await place.store(...below, '--out', 'app.export');
    const file = join(place.folder, 'app.export');
    const known = [{ name: 'the value', value }];
    const scanned = await scanSinks(known, [filesAt(file)]);
    await place.store('delete', '/demo/app/key');
    await place.store('delete', '/demo/app/mode');
    const dry = await place.store('import', 'app.export', '--dry-run', '--json');
    const before = await place.ask(`SELECT path FROM keyturn.parameters WHERE path LIKE '/demo/app/%'`);
    const imported = await place.store('import', 'app.export', '--json');
    const repeated = await place.store('import', 'app.export', '--json');

    expect(exported).toEqual({
      code: 0,
      stdout: '2 parameters below /demo are in app.export, sealed by the keyring.\n',
      stderr: '/demo/billing/db is a secret under management and is left out.\n',
    });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(again.stderr).toMatch(/^VALUE_WITHHELD: .*is there already/);
    expect(scanned.leaks).toEqual([]);
    expect(dry.code).toBe(0);
    expect(kinds(dry.stdout)).toEqual([
      { path: '/demo/app/key', kind: 'new' },
      { path: '/demo/app/mode', kind: 'new' },
    ]);
    expect(before).toEqual([]);
    expect(imported.code).toBe(0);
    expect(kinds(repeated.stdout)).toEqual([
      { path: '/demo/app/key', kind: 'same' },
      { path: '/demo/app/mode', kind: 'same' },
    ]);
    expect(
      await place.ask(`SELECT p.path, p.type, v.version, v.details ->> 'description' AS description,
          (SELECT label FROM keyturn.labels AS l WHERE l.secret = v.secret AND l.version = v.version) AS label
        FROM keyturn.parameters AS p JOIN keyturn.versions AS v ON v.secret = p.parameter
        WHERE p.path LIKE '/demo/app/%' ORDER BY p.path`),
    ).toEqual([
      { path: '/demo/app/key', type: 'SecureString', version: 1, description: 'of the app', label: null },
      { path: '/demo/app/mode', type: 'String', version: 1, description: null, label: 'live' },
    ]);
    await place.store('get', '/demo/app/key', '--out', 'key');
    expect(await place.text('key')).toBe(value);
    const recorded = (await place.accesses()).filter(({ action }) => /export|import/.test(String(action)));
    expect(recorded.map(({ action, parameter, version }) => [action, parameter, version])).toEqual([
      ['store export', 'demo:/demo/app/key', 1],
      ['store export', 'demo:/demo/app/mode', 1],
      ['store import', null, null],
      ['store import', 'demo:/demo/app/key', 1],
      ['store import', 'demo:/demo/app/mode', 1],
      ['store import', 'demo:/demo/app/mode', 1],
    ]);
    expect(await place.leaksOf(value)).toEqual([]);
  });

  test('of nothing is refused and leaves no file', async () => {
    const place = await storePlace();

    expect((await place.store(...below, '--out', 'none')).stderr).toMatch(/^NO_PARAMETERS: /);
    await expect(stat(join(place.folder, 'none'))).rejects.toThrow('ENOENT');
  });
});

describe('an import', () => {
  test('lists every conflict and writes nothing; --overwrite puts new versions of what has another value', async () => {
    const place = await placeWithParameters();
    await place.store(...below, '--out', 'app.export');
    await place.put('/demo/app/key', 'another value', '--overwrite');
    await place.store('label', '/demo/app/mode:1', 'live', '--remove');
    const versions = () => place.ask('SELECT secret, version FROM keyturn.versions ORDER BY secret, version');
    const before = await versions();

    const refused = await place.store('import', 'app.export');
    const dry = await place.store('import', 'app.export', '--dry-run');
    const after = await versions();
    const imported = await place.store('import', 'app.export', '--overwrite', '--json');

    expect(refused.stderr).toBe(
      'IMPORT_CONFLICT: nothing was imported, for 2 conflict(s): /demo/app/key has another value here; /demo/app/mode has other labels here. Delete or keep each of them here; --overwrite replaces values that are others.\n',
    );
    expect(refused.code).toBe(1);
    expect(dry).toMatchObject({ code: 1, stderr: '' });
    expect(dry.stdout).toMatch(/^conflict {3}\/demo\/app\/key: has another value here\n.*\nNothing was written\.\n$/);
    expect(after).toEqual(before);
    expect(kinds(imported.stdout)).toEqual([
      { path: '/demo/app/key', kind: 'changed' },
      { path: '/demo/app/mode', kind: 'labels' },
    ]);
    await place.store('get', '/demo/app/key:3', '--out', 'key');
    expect(await place.text('key')).toBe(value);
    expect(await place.ask(`SELECT version FROM keyturn.labels WHERE label = 'live'`)).toEqual([{ version: 1 }]);
  });

  test('of a file that is damaged, cut, foreign or none is refused with what it is, and writes nothing', async () => {
    const place = await placeWithParameters();
    await place.store(...below, '--out', 'app.export');
    const whole = await readFile(join(place.folder, 'app.export'));
    const changed = (find: string, replace: string) =>
      Buffer.from(whole.toString('latin1').replace(find, replace), 'latin1');
    const flipped = Buffer.from(whole);
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
    const files: Readonly<Record<string, readonly [Buffer, string]>> = {
      flipped: [flipped, 'it is damaged, or was changed'],
      cut: [whole.subarray(0, -1), 'it is damaged, or was changed'],
      headless: [whole.subarray(0, 40), 'it is no export of Keyturn'],
      counted: [changed('"parameters":2', '"parameters":3'), 'it is damaged, or was changed'],
      moved: [changed('"environment":"demo"', '"environment":"prod"'), 'it is damaged, or was changed'],
      newer: [changed('keyturn-export v1', 'keyturn-export v9'), 'it is of a form this version does not know'],
      other: [Buffer.from('a shopping list\nof two lines\n'), 'it is no export of Keyturn'],
      empty: [Buffer.alloc(0), 'it is no export of Keyturn'],
    };
    for (const [file, [bytes]] of Object.entries(files)) await writeFile(join(place.folder, file), bytes);
    const before = await place.ask('SELECT secret, version FROM keyturn.versions ORDER BY secret, version');

    for (const [file, [, finding]] of Object.entries(files)) {
      const refused = await place.store('import', file, '--overwrite');
      expect(refused.stderr).toMatch(
        new RegExp(`^EXPORT_INVALID: the export ${file} cannot be imported: ${finding}\\.`),
      );
      expect(refused.code).toBe(2);
    }
    expect((await place.store('import', 'missing')).stderr).toMatch(/^USAGE: the file missing cannot be read/);
    expect(await place.ask('SELECT secret, version FROM keyturn.versions ORDER BY secret, version')).toEqual(before);
  });

  test('of an export under another master key is refused, and one of another environment must be meant', async () => {
    const place = await placeWithParameters();
    await place.store(...below, '--out', 'app.export');
    const other = await storePlace();
    await writeFile(join(other.folder, 'app.export'), await readFile(join(place.folder, 'app.export')));
    const config = await readFile(join(place.folder, 'keyturn.config.ts'), 'utf8');
    const renamed = config.replace('  environments: {', '  environments: {\n    stage: { targets: {}, secrets: {} },');
    await writeFile(join(place.folder, 'stage.config.ts'), renamed);
    const at = (...args: readonly string[]) =>
      place.run('store', 'import', 'app.export', '--env', 'stage', '--config', 'stage.config.ts', ...args);

    const foreign = await other.store('import', 'app.export');
    const elsewhere = await at();
    const meant = await at('--from', 'demo', '--json');

    expect(foreign.stderr).toMatch(
      /^EXPORT_INVALID: .*it is sealed under another master key, or damaged\. Import it where/,
    );
    expect(elsewhere.stderr).toMatch(
      /^EXPORT_INVALID: .*it is of environment demo\. Import it there, or say that you mean it: --from demo/,
    );
    expect(meant.code).toBe(0);
    expect(await place.ask(`SELECT path FROM keyturn.parameters WHERE environment = 'stage' ORDER BY path`)).toEqual([
      { path: '/demo/app/key' },
      { path: '/demo/app/mode' },
    ]);
  });
});
