import { consumersSeen } from '../../core/consumers-seen.js';
import type { Json } from '../../core/json.js';
import type { RotationEvent } from '../../core/rotation-event.js';

/**
 * What the gates of one rotation say on their way, a line for each thing that is new: who has proved, and what is waited
 * for. Needs every event, in order.
 */
export class WaitingLines {
  readonly #proved = new Set<string>();
  #why = '';

  linesOf(event: RotationEvent): readonly { readonly step: string; readonly text: string }[] {
    if (event.kind !== 'GateWaiting' && event.kind !== 'StepDone') return [];
    const { step } = event;
    const facts = event.kind === 'GateWaiting' ? event.facts : event.output;
    const lines = (consumersSeen(facts) ?? [])
      .filter(({ answer, consumer }) => answer === 'proved' && !this.#proved.has(`${step} ${consumer}`))
      .map(({ consumer }) => {
        this.#proved.add(`${step} ${consumer}`);
        return step === 'canary'
          ? `${consumer} has tried it and proved it`
          : `${consumer} has proved that it has moved`;
      });
    const why = event.kind === 'GateWaiting' ? `waits: ${event.why}` : '';
    if (why !== '' && why !== this.#why) lines.push(why);
    this.#why = why;
    return lines.map((text) => ({ step, text }));
  }
}

/** The consumers that have proved by what a gate has seen. */
export function provedIn(facts: Json): readonly string[] {
  return (consumersSeen(facts) ?? []).flatMap(({ answer, consumer }) => (answer === 'proved' ? [consumer] : []));
}
