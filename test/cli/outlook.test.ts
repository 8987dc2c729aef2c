import { expect, test } from 'vitest';
import { outlookOf } from '../../src/cli/outlook.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { aConsumer, aProof } from '../support/evidence.js';
import { aJournal } from '../support/journal.js';
import { aPlan } from '../support/plans.js';

const consumers = [
  aConsumer({ name: 'web' }),
  aConsumer({ name: 'web-2' }),
  aConsumer({ name: 'job' }),
  aConsumer({ name: 'report', required: false }),
];

/** What is offered where it parked in drain for want of this proof, after a look at which `web` and `job` had proved. */
function offered(consumer: string, { code = 'DRAIN_TIMED_OUT', waived = [] as readonly string[] } = {}) {
  const facts = { consumers: [aProof({ consumer: 'web' }), aProof({ consumer: 'job' })] };
  const events: readonly RotationEvent[] = [
    { kind: 'GateOpened', step: 'drain' },
    { kind: 'GateWaiting', step: 'drain', facts, why: 'no proof', againInMs: 1 },
    { kind: 'Parked', code: code as 'DRAIN_TIMED_OUT', facts: { finding: 'it is lacking', consumer } },
  ];
  const waivers = waived.map((consumer) => ({ consumer, by: 'local:me', reason: 'it sleeps', atMs: 1 }));
  return outlookOf(aJournal(aPlan({ consumers }), events), { isHeld: false, waivers }).commands;
}

const others = ['keyturn resume r1', 'keyturn rollback r1'];
const waive = (consumer: string) => `keyturn consumers waive r1 ${consumer} --reason "…"`;

test('a rotation that parked for want of a proof offers to answer for who has not proved', () => {
  expect(offered('web-2')).toEqual([waive('web-2'), ...others]);
});

test('who proved when it was last written down and not in the look that parked is offered too', () => {
  expect(offered('job')).toEqual([waive('web-2'), waive('job'), ...others]);
});

test('who was answered for is not offered again', () => {
  expect(offered('web-2', { waived: ['web-2'] })).toEqual(others);
});

test('where something else is lacking no waiver is offered: it would change nothing', () => {
  expect(offered('CONSUMER')).toEqual(others);
  expect(offered('web-2', { code: 'CANARY_UNDECIDED' })).toEqual(others);
});
