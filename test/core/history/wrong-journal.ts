import { judgeHistory } from '../../../src/core/history.js';
import type { Plan } from '../../../src/core/plan.js';
import type { Recorded, RotationEvent } from '../../../src/core/rotation-event.js';
import { golden, strict } from './golden-journals.js';

type Change = Partial<Omit<Recorded, 'event'>> & { readonly event?: object };

/** A journal that is being made wrong, by the kind and the step of its events. */
export class Journal {
  constructor(readonly events: readonly Recorded[]) {}

  static of(name: string): Journal {
    return new Journal(golden(name));
  }

  at(kind: RotationEvent['kind'], step?: string): number {
    const found = this.events.findIndex(
      ({ event }) => event.kind === kind && (step === undefined || ('step' in event && event.step === step)),
    );
    if (found < 0) throw new Error(`no ${kind} of ${step ?? 'anything'}`);
    return found;
  }

  change(index: number, { event, ...rest }: Change): Journal {
    const old = this.events[index]!;
    const changed = { ...old, ...rest, event: { ...old.event, ...event } };
    return new Journal(this.events.with(index, changed));
  }

  /** Changes the plan. */
  planned(change: (plan: Plan) => object): Journal {
    const { event } = this.events[0]!;
    if (event.kind !== 'RotationRequested') throw new Error('no plan');
    return this.change(0, { event: { plan: { ...event.plan, ...change(event.plan) } } });
  }

  /** Changes what a step handed on. */
  output(step: string, change: object): Journal {
    const index = this.at('StepDone', step);
    const { event } = this.events[index]!;
    const output = 'output' in event ? (event.output as object) : {};
    return this.change(index, { event: { output: { ...output, ...change } } });
  }

  drop(index: number): Journal {
    return this.#numbered(this.events.toSpliced(index, 1));
  }

  /** Puts events after one, by its executor and at its time. */
  after(index: number, ...events: readonly RotationEvent[]): Journal {
    const { atMs, epoch } = this.events[index]!;
    return this.#numbered(
      this.events.toSpliced(index + 1, 0, ...events.map((event) => ({ seq: 0, atMs, epoch, event }))),
    );
  }

  /** Moves all from one event on by so many milliseconds. */
  later(index: number, ms: number): Journal {
    return new Journal(this.events.map((each, at) => (at < index ? each : { ...each, atMs: each.atMs + ms })));
  }

  /** Gives all from one event on to the next executor. */
  handedOver(index: number): Journal {
    return new Journal(this.events.map((each, at) => (at < index ? each : { ...each, epoch: each.epoch + 1 })));
  }

  #numbered(events: readonly Recorded[]): Journal {
    return new Journal(events.map((each, index) => ({ ...each, seq: index + 1 })));
  }
}

/** What the judge says of journals: the invariant, then the sentence. */
export function judge(...journals: readonly Journal[]): readonly string[] {
  const found = judgeHistory(
    journals.map(({ events }) => events),
    strict,
  );
  return found.map(({ invariant, what }) => `${invariant} ${what}`);
}

export const staged = Journal.of('staged-rotation-1-completed');

/** A journal with something wrong in it, and what is said of it. */
export type Wrong = readonly (readonly [what: string, journal: Journal, says: RegExp])[];
