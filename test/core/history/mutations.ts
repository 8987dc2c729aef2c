import type { Recorded } from '../../../src/core/rotation-event.js';

/** A journal with one thing changed, and what was changed. */
export interface Mutation {
  /** As `drop GateWaiting`, or for a leaf its kind, step and path: `alter StepDone drain output.current.version`. */
  readonly what: string;
  readonly events: readonly Recorded[];
}

/** Every journal that is one change away: an event gone, doubled, in another's place, or with another leaf, epoch or time. */
export function* mutationsOf(events: readonly Recorded[]): Iterable<Mutation> {
  for (const [index, recorded] of events.entries()) {
    const kind = labelOf(recorded);
    const without = events.toSpliced(index, 1);
    const doubled = events.toSpliced(index, 0, recorded);
    if (index < events.length - 1) yield { what: `hole at ${kind}`, events: without };
    if (index < events.length - 1) yield { what: `drop ${kind}`, events: renumbered(without) };
    yield { what: `double with its number ${kind}`, events: doubled };
    yield { what: `double ${kind}`, events: renumbered(doubled) };
    for (let other = index + 1; other < events.length; other += 1) {
      const second = events[other]!;
      if (JSON.stringify(recorded.event) === JSON.stringify(second.event)) continue;
      const place = `${kind} with ${labelOf(second)}`;
      if (other === index + 1) {
        const turned = events.with(index, second).with(other, recorded);
        yield { what: `swap with their numbers ${place}`, events: turned };
        yield { what: `swap whole ${place}`, events: renumbered(turned) };
      }
      yield {
        what: `swap ${place}`,
        events: events
          .with(index, { ...recorded, event: second.event })
          .with(other, { ...second, event: recorded.event }),
      };
    }
    for (const by of [-3_600_000, -1, 1, 3_600_000])
      yield {
        what: `time ${by > 0 ? 'on' : 'back'} ${kind}`,
        events: events.with(index, { ...recorded, atMs: recorded.atMs + by }),
      };
    for (const by of [-1, 1, 100])
      yield {
        what: `epoch ${by > 0 ? 'up' : 'down'} ${kind}`,
        events: events.with(index, { ...recorded, epoch: recorded.epoch + by }),
      };
    for (const { path, event } of leavesOf(recorded.event))
      yield {
        what: `alter ${kind} ${path}`,
        events: events.with(index, { ...recorded, event: event as Recorded['event'] }),
      };
  }
}

function labelOf({ event }: Recorded): string {
  return 'step' in event ? `${event.kind} ${event.step}` : event.kind;
}

function renumbered(events: readonly Recorded[]): readonly Recorded[] {
  return events.map((each, index) => ({ ...each, seq: index + 1 }));
}

/** The value with one leaf changed in every way that fits its type, and with each field taken away. */
function* leavesOf(value: unknown, path = ''): Iterable<{ readonly path: string; readonly event: unknown }> {
  if (typeof value !== 'object' || value === null) {
    for (const event of othersOf(value)) yield { path, event };
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    const below = path === '' ? key : `${path}.${key}`;
    const put = (event: unknown): unknown =>
      Array.isArray(value) ? value.with(Number(key), event) : { ...value, [key]: event };
    for (const leaf of leavesOf(inner, below)) yield { path: leaf.path, event: put(leaf.event) };
    const { [key]: _, ...rest } = value as Readonly<Record<string, unknown>>;
    if (Array.isArray(value)) yield { path: `${below} gone`, event: value.toSpliced(Number(key), 1) };
    else yield { path: `${below} gone`, event: rest };
  }
}

function othersOf(leaf: unknown): readonly unknown[] {
  switch (typeof leaf) {
    case 'number':
      return [leaf + 1, leaf - 1, leaf + 3_600_000, -3_600_000, null];
    case 'boolean':
      return [!leaf];
    case 'string':
      return ['another', null];
    default:
      return ['another', 0];
  }
}
