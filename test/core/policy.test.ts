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

const { retry, ...waits } = defaultPolicy;

it.each(Object.entries(waits))('%s is by default what its setting promises', (name, defaultMs) => {
  expect(promised(name.replace(/Ms$/, ''))).toBe(defaultMs);
});

it('what failed is tried again after ten seconds to five minutes, 8 times in each of 3 cycles', () => {
  expect(inputs).toContain('Defaults `10s`, `5m`, 8 and 3.');
  expect(retry).toEqual({ firstMs: 10_000, maxMs: 300_000, attemptsPerCycle: 8, cycles: 3 });
});
