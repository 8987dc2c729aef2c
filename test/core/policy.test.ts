import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parseDuration } from '../../src/config/duration.js';
import { defaultPolicy } from '../../src/core/policy.js';

const inputs = readFileSync(new URL('../../src/config/define.ts', import.meta.url), 'utf8');

/** The default that the docstring of a setting promises: what an editor shows is all an operator reads. */
function promised(setting: string): number | undefined {
  const text = new RegExp(`Default \`([^\`]+)\`\\. \\*/\\s+readonly ${setting}\\?`).exec(inputs)?.[1];
  return text === undefined ? undefined : parseDuration(text);
}

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');

/** The defaults in the table of a page, by setting. */
function tabled(text: string): ReadonlyMap<string, string> {
  const [, table = ''] = /^## A policy$([^]*?)^## /m.exec(text) ?? [];
  return new Map(
    [...table.matchAll(/^\| `([^`]+)` \| `([^`]+)` \| \S/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}

/** The settings of an interface, by the names under which they are written. */
function settingsOf(type: string): readonly string[] {
  const [, body = ''] = new RegExp(`^export interface ${type} \\{$([^]*?)^\\}`, 'm').exec(inputs) ?? [];
  return [...body.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name = '']) => name);
}

const { retry, ...waits } = defaultPolicy;

it.each(Object.entries(waits))('%s is by default what its setting promises', (name, defaultMs) => {
  expect(promised(name.replace(/Ms$/, ''))).toBe(defaultMs);
});

it('what failed is tried again after ten seconds to five minutes, 8 times in each of 3 cycles', () => {
  expect(inputs).toContain('Defaults `10s`, `5m`, 8 and 3.');
  expect(retry).toEqual({ firstMs: 10_000, maxMs: 300_000, attemptsPerCycle: 8, cycles: 3 });
});

it('docs/configuration.md names every setting with its default, and no other', () => {
  const { canaries = 'all', unknownChecks = 'undo', onDrainMax = 'park', onRefusal = 'undo', ...durations } = waits;
  const table = tabled(page);
  const inMs = (name: string): number | undefined => parseDuration(table.get(name) ?? '');

  const settings = settingsOf('PolicyInput').flatMap((name) =>
    name === 'retry' ? ['retry.first', 'retry.max', 'retry.attemptsPerCycle', 'retry.cycles'] : [name],
  );
  expect([...table.keys()].sort()).toEqual([...settings].sort());
  expect(Object.keys(durations).map((name) => [name, inMs(name.replace(/Ms$/, ''))])).toEqual(
    Object.entries(durations),
  );
  const words = { canaries, unknownChecks, onDrainMax, onRefusal };
  expect(Object.keys(words).map((name) => table.get(name))).toEqual(Object.values(words));
  expect(retry).toEqual({
    firstMs: inMs('retry.first'),
    maxMs: inMs('retry.max'),
    attemptsPerCycle: Number(table.get('retry.attemptsPerCycle')),
    cycles: Number(table.get('retry.cycles')),
  });
});

it('a row of the table is read, and prose beside it is not', () => {
  const planted =
    'a `soak` of `1s`\n## A policy\n\n| `soak` | `0s` | why |\n| soak | none | |\n\n## Next\n| `poll` | `1s` | why |\n';

  expect([...tabled(planted)]).toEqual([['soak', '0s']]);
});
