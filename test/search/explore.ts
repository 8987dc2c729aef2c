import type { Bounds } from './bounds.js';
import type { Deviation } from './deviation.js';
import type { Finding } from './judge.js';
import { Schedule } from './schedule.js';
import type { Situation } from './situation.js';

/** One deviation and how many steps of the default schedule come before it. */
interface Turn {
  readonly steps: number;
  readonly deviation: Deviation;
}

/** Something that must never be, with the shortest way there. */
export interface Violation {
  readonly what: string;
  readonly path: readonly Turn[];
  /** The same in words, from the beginning. */
  readonly trace: readonly string[];
}

/** What a search has visited. */
export interface Explored {
  readonly name: string;
  readonly states: number;
  readonly edges: number;
  /** The longest path in deviations. */
  readonly depth: number;
  readonly tookMs: number;
  /** False where it stopped at the first violation. */
  readonly complete: boolean;
  readonly violation: Violation | null;
}

interface Branch {
  readonly from: Situation;
  readonly deviation: Deviation;
  readonly path: Path;
}

/** The way here, newest first: shared by all that went it. */
interface Path {
  readonly before: Path | null;
  readonly turn: Turn;
}

/**
 * Breadth first by the number of deviations from the default schedule: every place that can be reached with one is
 * visited before any that needs two, so that what is found first is the shortest. Each state is visited once.
 */
export function explore(bounds: Bounds): Explored {
  const startedMs = performance.now();
  const schedule = new Schedule(bounds);
  const visited = new Set<string>();
  let edges = 0;
  let depth = 0;
  let next: Branch[] = [];
  let found: { readonly what: string; readonly path: Path | null; readonly steps: number } | null = null;

  /** Follows the default schedule from here to its end, or to where somebody has been before. */
  const follow = (path: Path | null): Finding => {
    for (let steps = 0; ; steps += 1) {
      const text = schedule.text();
      if (visited.has(text)) return null;
      visited.add(text);
      const choices = schedule.choices();
      if (choices.length > 0) {
        const from = schedule.keep();
        for (const deviation of choices)
          next.push({ from, deviation, path: { before: path, turn: { steps, deviation } } });
      }
      const finding = schedule.proceed();
      if (finding === undefined) return null;
      edges += 1;
      if (finding !== null) {
        found = { what: finding, path, steps: steps + 1 };
        return finding;
      }
    }
  };

  follow(null);
  while (next.length > 0 && found === null) {
    const layer = next;
    next = [];
    depth += 1;
    for (const { from, deviation, path } of layer) {
      schedule.goBack(from);
      edges += 1;
      const finding = schedule.take(deviation);
      if (finding !== null) found = { what: finding, path, steps: 0 };
      else follow(path);
      if (found !== null) break;
    }
  }
  const tookMs = Math.round(performance.now() - startedMs);
  return {
    name: bounds.name,
    states: visited.size,
    edges,
    depth,
    tookMs,
    complete: found === null,
    violation: found === null ? null : told(bounds, found),
  };
}

/** Goes the way again and writes down what happens. */
function told(
  bounds: Bounds,
  found: { readonly what: string; readonly path: Path | null; readonly steps: number },
): Violation {
  const path: Turn[] = [];
  for (let each = found.path; each !== null; each = each.before) path.unshift(each.turn);
  const trace: string[] = [];
  const schedule = new Schedule(bounds, (line) => trace.push(line));
  for (const { steps, deviation } of path) {
    for (let step = 0; step < steps; step += 1) schedule.proceed();
    schedule.take(deviation);
  }
  for (let step = 0; step < found.steps; step += 1) schedule.proceed();
  return { what: found.what, path, trace: [...trace, found.what] };
}
