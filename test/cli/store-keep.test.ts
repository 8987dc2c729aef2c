import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { canLendTerminal, keyturnAtTerminal } from './pseudo-terminal.js';
import { storePlace } from './store-place.js';

const value = 'mW4cRk8QyVn2TzLb6XhDs9JpFe5Gu7Ao';
const name = '/demo/app/key';

describe('a put', () => {
  test('makes a SecureString from standard input or a file, and then new versions of it', async () => {
    const place = await storePlace();
    await writeFile(join(place.folder, 'value'), `${value}, another`);

    const first = await place.put(name, value);
    const again = await place.put(name, value);
    const second = await place.store('put', name, '--file', 'value', '--overwrite', '--description', 'of the app');
    const text = await place.put('/demo/app/flag', 'on', '--type', 'String', '--json');

    expect(first).toEqual({ code: 0, stderr: '', stdout: 'Version 1 of demo:/demo/app/key is stored.\n' });
    expect(again.stderr).toMatch(
      /^PARAMETER_REFUSED: parameter \/demo\/app\/key was left as it is: it is there already\. Give --overwrite/,
    );
    expect(again.code).toBe(2);
    expect(second).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(text.stdout)).toEqual({
      environment: 'demo',
      path: '/demo/app/flag',
      version: 1,
      tier: 'Standard',
    });
    expect(await place.ask('SELECT path, type FROM keyturn.parameters ORDER BY path')).toEqual([
      { path: '/demo/app/flag', type: 'String' },
      { path: '/demo/app/key', type: 'SecureString' },
    ]);
    expect((await place.accesses()).map(({ action, version, outcome }) => [action, version, outcome])).toEqual([
      ['store put', 1, 'done'],
      ['store put', null, 'PARAMETER_REFUSED'],
      ['store put', 2, 'done'],
      ['store put', 1, 'done'],
    ]);
    expect(await place.leaksOf(value)).toEqual([]);
  });

  test('ends where the pattern goes back and forth for ever', async () => {
    const place = await storePlace();
    await place.put(name, value);
    await place.ask(`UPDATE keyturn.versions SET details = details || '{"allowedPattern": "^(a+)+$"}'`);

    const refused = await place.put(name, `${'a'.repeat(40)}!`, '--overwrite');

    expect(refused.stderr).toMatch(/^PARAMETER_REFUSED: .*the allowed pattern of the parameter takes too long/);
    expect(refused.code).toBe(2);
  });

  test('of a value that readers could not have is refused, by what is wrong and never by the value', async () => {
    const place = await storePlace();
    await writeFile(join(place.folder, 'latin'), Buffer.from([0x70, 0xe4, 0xdf]));
    await place.put('/demo/app/shape', '{}', '--type', 'String');
    await place.ask(
      `UPDATE keyturn.versions SET details = details || '{"dataType": "json", "allowedPattern": "^.{2,20}$"}'`,
    );
    const refusals = [
      [await place.put(name, ''), 'the value is empty'],
      [await place.store('put', name, '--file', 'latin'), 'the value is no UTF-8 text'],
      [await place.put(name, 'x'.repeat(8_193)), 'the value has more than 8192 bytes'],
      [await place.put(name, 'x'.repeat(4_097)), 'the value has more than 4096 bytes, which the standard tier'],
      [await place.put(name, '{{ssm:other}}'), 'the value has {{ }} in it'],
      [await place.put('/demo/app/shape', '{"a":', '--overwrite'), 'the value is not JSON'],
      [
        await place.put('/demo/app/shape', '{"a":"0123456789012345"}', '--overwrite'),
        'does not match the allowed pattern',
      ],
      [await place.put('/demo/app/shape', '[]', '--overwrite', '--type', 'StringList'), 'its type is another'],
    ] as const;

    for (const [answer, finding] of refusals) {
      expect(answer.stderr).toMatch(/^PARAMETER_REFUSED: parameter \/demo\/app\/\w+ was left as it is: /);
      expect(answer.stderr).toContain(finding);
      expect(answer).toMatchObject({ code: 2, stdout: '' });
    }
    expect((await place.put(name, 'x'.repeat(4_097), '--tier', 'Advanced')).code).toBe(0);
    expect((await place.put('/demo/app/shape', '[1]', '--overwrite')).code).toBe(0);
  });

  test('of a secret under management is refused, and --current takes no settings of plain parameters', async () => {
    const place = await storePlace();

    const plain = await place.put('/demo/billing/db', value);
    const mixed = await place.put('/demo/billing/db', value, '--current', '--type', 'String');

    expect(plain.stderr).toBe(
      'PARAMETER_REFUSED: parameter /demo/billing/db was left as it is: it is a secret under management, which rotations write. Rotate it: keyturn rotate /demo/billing/db --env demo --reason "…". Its first version is put with --current.\n',
    );
    expect(mixed.stderr).toMatch(/^USAGE: --type, --tier, --description and --overwrite are for plain parameters/);
    expect(await place.ask('SELECT FROM keyturn.versions')).toEqual([]);
  });

  test('tells of a line break at the end, and keeps it', async () => {
    const place = await storePlace();

    const answer = await place.put(name, `${value}\n`);
    await place.store('get', name, '--out', 'key');

    expect(answer).toMatchObject({
      code: 0,
      stderr: 'The value ends in a line break, which was kept: printf leaves it out.\n',
    });
    expect(await place.text('key')).toBe(`${value}\n`);
  });

  test.skipIf(!canLendTerminal)(
    'does not let a person type a value that the terminal shows (needs script)',
    async () => {
      const place = await storePlace();

      const { code, shown } = await keyturnAtTerminal(['store', 'put', name, '--env', 'demo'], place.options);

      expect(shown).toMatch(/^USAGE: standard input is a terminal, which would show the value/);
      expect(code).toBe(2);
    },
  );
});

describe('what is kept', () => {
  test('is listed below a path and told version by version, without a value', async () => {
    const place = await storePlace();
    await place.put(name, value);
    await place.put(name, `${value}2`, '--overwrite');
    await place.put('/demo/app2/key', value);
    await place.store('label', `${name}:1`, 'live');

    const all = await place.store('list', '--json');
    const below = await place.store('list', '--path', '/demo/app');
    const history = await place.store('history', name, '--json');
    const none = await place.store('list', '--path', '/elsewhere/');

    const { parameters } = JSON.parse(all.stdout) as { readonly parameters: readonly object[] };
    expect(parameters).toMatchObject([
      { path: name, type: 'SecureString', version: 2, isManaged: false },
      { path: '/demo/app2/key', version: 1 },
    ]);
    expect(below.stdout).toMatch(
      /^PARAMETER +TYPE +NEWEST +CHANGED +BY\n\/demo\/app\/key +SecureString +2 +20\S+ \S+ +local:\S+\n$/,
    );
    expect(JSON.parse(history.stdout)).toMatchObject({
      path: name,
      versions: [
        { version: 1, labels: ['live'] },
        { version: 2, labels: [] },
      ],
    });
    expect(none).toMatchObject({ code: 0, stdout: 'There is no parameter below /elsewhere.\n' });
    expect(await place.leaksOf(value)).toEqual([]);
    expect((await place.accesses()).slice(4).map(({ action, parameter }) => [action, parameter])).toEqual([
      ['store list', null],
      ['store list', null],
      ['store history', `demo:${name}`],
      ['store list', null],
    ]);
  });

  test('is labelled and unlabelled, and the labels of rotations are refused', async () => {
    const place = await storePlace();
    await place.put(name, value);
    await place.put(name, `${value}2`, '--overwrite');

    const put = await place.store('label', `${name}:1`, 'live');
    const moved = await place.store('label', `${name}:2`, 'live');
    const elsewhere = await place.store('label', `${name}:1`, 'live', '--remove');
    const removed = await place.store('label', `${name}:2`, 'live', '--remove');

    expect(put).toEqual({ code: 0, stderr: '', stdout: `The label live is on version 1 of demo:${name}.\n` });
    expect(moved.code).toBe(0);
    expect(elsewhere.stderr).toBe(
      `PARAMETER_REFUSED: parameter ${name} was left as it is: the label live is not on version 1. See which version has it: keyturn store history ${name} --env demo\n`,
    );
    expect(elsewhere.code).toBe(2);
    expect(removed.stdout).toBe(`The label live is off version 2 of demo:${name}.\n`);
    expect(await place.ask('SELECT label, from_version, to_version FROM keyturn.label_moves ORDER BY id')).toEqual([
      { label: 'live', from_version: null, to_version: 1 },
      { label: 'live', from_version: 1, to_version: 2 },
      { label: 'live', from_version: 2, to_version: null },
    ]);
    for (const label of ['current', 'pending', 'previous']) {
      const refused = await place.store('label', `${name}:1`, label);
      expect(refused.stderr).toContain(`rotations alone move the label ${label}`);
      expect(refused.code).toBe(2);
    }
    expect((await place.store('label', name, 'live')).stderr).toMatch(/^USAGE: the name must say which version/);
    expect((await place.store('label', `${name}:1`, '7up')).stderr).toMatch(/^USAGE: the label "7up" is none: /);
    expect((await place.store('label', `${name}:9`, 'live')).stderr).toMatch(/^UNKNOWN_VERSION/);
    expect((await place.store('label', '/demo/none:1', 'live')).stderr).toMatch(/^UNKNOWN_PARAMETER/);
  });

  test('is deleted, unless it is managed, protected or not there', async () => {
    const place = await storePlace();
    await place.put(name, value);
    await place.put('/demo/app/kept', value);
    await place.ask(
      `UPDATE keyturn.parameters SET tags = '{"keyturn:protected": "true"}' WHERE path = '/demo/app/kept'`,
    );
    await place.put('/demo/billing/db', JSON.stringify({ username: 'a_role', password: value }), '--current');

    expect(await place.store('delete', name)).toMatchObject({ code: 0, stdout: `demo:${name} is deleted.\n` });
    expect((await place.store('delete', name)).stderr).toMatch(/^UNKNOWN_PARAMETER/);
    expect((await place.store('delete', '/demo/app/kept')).stderr).toMatch(/^PARAMETER_REFUSED: .*keyturn:protected/);
    expect((await place.store('delete', '/demo/billing/db')).stderr).toMatch(/^PARAMETER_REFUSED: .*under management/);
    expect(await place.ask('SELECT path FROM keyturn.parameters ORDER BY path')).toEqual([
      { path: '/demo/app/kept' },
      { path: '/demo/billing/db' },
    ]);
  });
});

test('bad names, paths and environments are refused with what is wrong', async () => {
  const place = await storePlace();

  for (const [args, finding] of [
    [['get', '/demo//key', '--out', 'x'], /^USAGE: the name "\/demo\/\/key" is none: a path has no \/\//],
    [['get', '/demo/k:1:2', '--out', 'x'], /^USAGE: .* at most one :/],
    [['history', '/demo/key:1'], /^USAGE: the name \/demo\/key:1 must not say which version/],
    [['delete', '../demo'], /^USAGE: the name "\.\.\/demo" is none/],
    [['list', '--path', 'demo/%2f'], /^USAGE: --path "demo\/%2f" is none: a path begins with \//],
    [['put', '/demo/key', '--type', 'Blob'], /^USAGE: option '--type <type>' argument 'Blob' is invalid/],
  ] as const) {
    const refused = await place.store(...args);
    expect(refused.stderr).toMatch(finding);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
  }
  expect((await place.run('store', 'list', '--env', 'prod')).stderr).toMatch(/^UNKNOWN_ENVIRONMENT/);
  expect((await place.run('store', 'list')).stderr).toMatch(/^USAGE: required option '--env <environment>'/);
});
