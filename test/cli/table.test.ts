import { expect, test } from 'vitest';
import { plain, table } from '../../src/cli/table.js';
import { timelineOf } from '../../src/cli/timeline.js';

const nasty = 'a\r\nb\u001b[2Jc\u0007d\u202ee\u2028f\tg';

test('control characters, escape sequences and changes of direction do not reach a terminal', () => {
  expect(plain(nasty)).toBe('a b\ufffd[2Jc\ufffdd\ufffde f\ufffdg');
  expect(plain('Grüße, 東京 – “ok”')).toBe('Grüße, 東京 – “ok”');
});

test('a table keeps its lines and columns whatever stands in it', () => {
  expect(
    table([
      ['REASON', 'BY'],
      [nasty, 'x'],
    ]).split('\n'),
  ).toHaveLength(2);
  expect(
    table([
      ['A', 'B'],
      ['1\n2', 'x'],
    ]),
  ).toBe('A    B\n1 2  x');
});

test('a timeline has one line for an event whatever stands in it', () => {
  const event = { kind: 'CommandTaken', command: 'cancel', commandId: 1, by: 'kim', reason: nasty } as const;
  const line = timelineOf(0)({ seq: 1, atMs: 0, epoch: 1, event });

  expect(line).toMatch(/kim said cancel: a b\ufffd\[2Jc/);
  expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
});
