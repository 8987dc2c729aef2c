import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { judgeRotator, renderRotatorReport, rotatorCases } from 'keyturn/testing';
import { expect, test } from 'vitest';
import { root } from '../architecture/source-tree.js';
import { harnessOf } from './sound-rotator.js';

const page = readFileSync(join(root, 'docs', 'writing-a-rotator.md'), 'utf8');

test('a report names of each obligation what was seen and where to look', async () => {
  const harness = harnessOf({
    connection: (sound) => ({ list: async (ctx) => (await sound.list(ctx)).slice(1) }),
    capabilities: { usage: false },
  });

  const report = await judgeRotator(harness);
  const text = renderRotatorReport(report);

  expect(report).toMatchObject({ rotator: 'stub', contract: 1, target: { name: 'a target in memory', isReal: false } });
  expect(report.obligations).toHaveLength(report.passed + report.failed + report.notRun + report.doesNotApply);
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  expect(text).toMatch(/^rotator stub \(contract 1\), judged on a target in memory \(double\)\n/);
  expect(text).toContain(
    [
      'FAIL  the list holds what is ours and nothing else',
      '      seen: list shows as live: nothing; live of ours is: {"identity":"app-r1","rotationId":"r1"}',
      '      look: `list` in keyturn/rotator, and "What you promise" in docs/writing-a-rotator.md',
    ].join('\n'),
  );
  expect(text).toContain(
    '-     usage counts a session that is open\n      does not apply: it binds where the capabilities say usage: true\n',
  );
  const { passed, failed, notRun, doesNotApply } = report;
  expect(text.split('\n').at(-1)).toBe(
    `${passed} passed, ${failed} failed, ${notRun} not run, ${doesNotApply} do not apply`,
  );
});

test('what a harness cannot make is named as not run, with what it lacks', async () => {
  const whole = harnessOf();
  const least = {
    ...whole,
    begin: async () => {
      const { config, unreachable, plantForeign, openSession, end } = await whole.begin();
      return { config, unreachable, plantForeign, openSession, end };
    },
  };

  const { obligations, failed } = await judgeRotator(least);

  expect(failed).toBe(0);
  const lacking = obligations.filter(({ outcome, seen }) => outcome === 'not run' && seen?.startsWith('the stage'));
  expect(lacking.map(({ seen }) => seen)).toEqual(
    ['plantAdopted', 'accepts', 'hung', 'refusals.policy', 'refusals.authority', 'refusals.quota'].map(
      (need) => `the stage of the harness gives no \`${need}\``,
    ),
  );
  // What was looked at in another way than on the line passes, and says so.
  expect(obligations.find(({ name }) => name === 'a create whose answer was lost is finished by the next one')).toEqual(
    expect.objectContaining({ outcome: 'passed', seen: expect.stringContaining('the harness loses no answers') }),
  );
});

const hanging = 'a call to a target that hangs ends with its signal, and says that nobody knows';

test('what a target cannot have does not apply, with why, and is no case', async () => {
  const whole = harnessOf();
  const folder = {
    ...whole,
    none: { hung: 'a folder is no server', 'refusals.quota': ' ' },
    begin: async () => {
      const { hung: _, refusals: { quota: __, ...refusals } = {}, ...stage } = await whole.begin();
      return { ...stage, refusals };
    },
  };

  const report = await judgeRotator(folder);

  expect(report).toMatchObject({ failed: 0, notRun: 1 });
  const told = report.obligations.filter(({ outcome }) => outcome === 'does not apply');
  expect(told.find(({ name }) => name === hanging)?.seen).toBe('a folder is no server');
  expect(told).toHaveLength(report.doesNotApply);
  expect(renderRotatorReport(report)).toContain(`-     ${hanging}\n      does not apply: a folder is no server\n`);
  expect(rotatorCases(folder).map(({ name }) => name)).not.toContain(hanging);
  // A reason that is none leaves the case where it was.
  expect(report.obligations.find(({ outcome }) => outcome === 'not run')?.seen).toBe(
    'the stage of the harness gives no `refusals.quota`',
  );
});

test('a harness that gives what it says there is none of fails every case', async () => {
  const { obligations, passed } = await judgeRotator({ ...harnessOf(), none: { hung: 'a folder is no server' } });

  expect(passed).toBe(0);
  expect(new Set(obligations.filter(({ outcome }) => outcome === 'failed').map(({ seen }) => seen))).toEqual(
    new Set(['the harness says that there is no `hung`, and its stage gives one']),
  );
});

test('a case that is not run tells its runner, and has not passed', async () => {
  const whole = harnessOf();
  const least = { ...whole, begin: async () => ({ ...(await whole.begin()), refusals: {} }) };
  const told: string[] = [];

  for (const { name, run } of rotatorCases(least)) await run((why) => void told.push(`${name}: ${why}`));

  expect(told).toEqual([
    expect.stringMatching(/^a value that the target refuses .*: the stage of the harness gives no `refusals.policy`$/),
    expect.stringMatching(/^a target that refuses us .*: the stage of the harness gives no `refusals.authority`$/),
    expect.stringMatching(/^a target that is full .*: the stage of the harness gives no `refusals.quota`$/),
  ]);
});

test('a harness that cannot set its stage up fails every case and never the judge', async () => {
  const harness = { ...harnessOf(), begin: async () => Promise.reject(new RangeError('password=hunter2')) };

  const { obligations, passed } = await judgeRotator(harness);

  expect(passed).toBe(0);
  expect(new Set(obligations.filter(({ outcome }) => outcome === 'failed').map(({ seen }) => seen))).toEqual(
    new Set(['the harness could not set the stage up or clear it away (RangeError)']),
  );
});

test('a case that never ends has failed when its time is over', async () => {
  const harness = harnessOf({ connection: () => ({ identify: async () => new Promise<never>(() => {}) }) });

  const { obligations } = await judgeRotator(harness, { caseTimeoutMs: 500 });

  expect(obligations.find(({ name }) => name === 'a target has an identifier, the same each time')).toMatchObject({
    outcome: 'failed',
    seen: 'the case had not ended after 500 ms',
  });
});

test('every obligation points at a heading that is on the page', () => {
  const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);

  expect(rotatorCases(harnessOf()).filter(({ heading }) => !headings.includes(heading))).toEqual([]);
});

test('every member of the contract that an obligation names is in a table of the page', () => {
  const members = [...page.matchAll(/^\| (.+?) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(\w+)/g)].map(([, member]) => member),
  );

  expect(rotatorCases(harnessOf()).filter(({ member }) => !members.includes(member))).toEqual([]);
});
