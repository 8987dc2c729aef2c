import { expect, test } from 'vitest';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { logJournal } from '../../src/telemetry/log-journal.js';
import { capturedLog } from './log-lines.js';

const failure = {
  step: 'create',
  code: 'TARGET_UNREACHABLE',
  facts: { target: 'db' },
  certain: false,
  retryInMs: 10,
} as const;

const events: readonly (readonly [level: string, message: string, event: RotationEvent])[] = [
  ['debug', 'step intended', { kind: 'StepIntended', step: 'create', attempt: 2 }],
  ['info', 'step done', { kind: 'StepDone', step: 'create', output: null, tookMs: 12 }],
  ['warn', 'step failed', { kind: 'StepFailed', ...failure }],
  ['info', 'gate opened', { kind: 'GateOpened', step: 'drain' }],
  ['debug', 'gate waiting', { kind: 'GateWaiting', step: 'drain', facts: null, why: 'consumers', againInMs: 100 }],
  ['debug', 'gate reopened', { kind: 'GateReopened', step: 'drain', why: 'stale' }],
  ['debug', 'fence raised', { kind: 'FenceRaised' }],
  ['warn', 'era entered', { kind: 'EraEntered', era: 2 }],
  ['warn', 'value replaced', { kind: 'ValueReplaced', step: 'create', code: 'VALUE_REJECTED' }],
  ['info', 'roll-back decided', { kind: 'RollbackDecided', code: 'CANARY_REFUSED', facts: {} }],
  ['info', 'destroy decided', { kind: 'DestroyDecided' }],
  ['debug', 'undo intended', { kind: 'UndoIntended', step: 'create', attempt: 1 }],
  ['info', 'undo done', { kind: 'UndoDone', step: 'create', tookMs: 3 }],
  ['warn', 'undo failed', { kind: 'UndoFailed', ...failure }],
  ['error', 'rotation parked', { kind: 'Parked', code: 'ADMIN_REFUSED', facts: { target: 'db', rotation: 'r-1' } }],
  ['info', 'command taken', { kind: 'CommandTaken', command: 'resume', commandId: 1, by: 'ada', reason: 'fixed' }],
  ['info', 'rotation closed', { kind: 'RotationClosed', status: 'completed' }],
];

test.each(events)('%s: %s', (level, message, event) => {
  const { log, lines } = capturedLog({ level: 'debug' });

  logJournal(log)('r-1', 'prod:/billing/db', [{ seq: 7, atMs: 0, epoch: 3, event }]);

  expect(lines()).toHaveLength(1);
  expect(lines()[0]).toMatchObject({ level, message, rotationId: 'r-1', secret: 'prod:/billing/db', seq: 7, epoch: 3 });
});

test('a failed step tells step, code and when it is tried again', () => {
  const { log, lines } = capturedLog();

  logJournal(log)('r-1', 'prod:/billing/db', [
    { seq: 7, atMs: 0, epoch: 3, event: { kind: 'StepFailed', ...failure } },
  ]);

  expect(lines()[0]).toMatchObject({ step: 'create', code: 'TARGET_UNREACHABLE', retryInMs: 10 });
});

test('a parked rotation tells what to do', () => {
  const { log, lines } = capturedLog();
  const event = { kind: 'Parked', code: 'ADMIN_REFUSED', facts: { target: 'db', rotation: 'r-1' } } as const;

  logJournal(log)('r-1', 'prod:/billing/db', [{ seq: 7, atMs: 0, epoch: 3, event }]);

  expect(lines()[0]).toMatchObject({
    code: 'ADMIN_REFUSED',
    cure: expect.stringContaining('keyturn resume r-1') as string,
  });
});

test('several events are several lines, in their order', () => {
  const { log, lines } = capturedLog({ level: 'debug' });

  logJournal(log)(
    'r-1',
    'prod:/billing/db',
    events.map(([, , event], index) => ({ seq: index + 1, atMs: 0, epoch: 1, event })),
  );

  expect(lines().map((line) => line['seq'])).toEqual(events.map((_, index) => index + 1));
});
