import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { bundled } from '../support/bundle.js';
import type { Narrowing } from './profile.js';
import { type Shrunk, shrink } from './shrink.js';
import { runSeed } from './world.js';

/** Which seeds are run, and how. */
export interface Campaign {
  readonly from: number;
  readonly seeds: number;
  /** The seeds below this are run twice, and must give the same trace. */
  readonly twiceBelow: number;
  readonly only: readonly string[] | null;
  readonly without: readonly string[];
  readonly horizonMs: number | null;
}

/** What many seeds have come to. Plain data, because it comes from another process. */
export interface Tally {
  readonly seeds: number;
  readonly twice: number;
  /** Seeds that violated something, shrunk. At most {@link MOST_FINDINGS} of one process. */
  readonly findings: readonly Shrunk[];
  readonly violations: number;
  readonly events: number;
  readonly rotations: Readonly<Record<string, number>>;
  readonly struck: Readonly<Record<string, number>>;
  /** Processor time of the process. Milliseconds. */
  readonly cpuMs: number;
}

/** Further findings are counted and not shrunk: by then it is clear that something is broken. */
const MOST_FINDINGS = 20;

/** How often a process says how far it is. Seeds. */
const TELL_EVERY = 100;

/** A process that has not said for this long how far it is hangs: it gives way to all else, so the whole has no such limit. */
const HANGS_MS = 900_000;

/** How each of its seeds is narrowed. */
export function narrowingOf({ only, without, horizonMs }: Campaign): Narrowing {
  return {
    ...(only === null ? {} : { only: new Set(only) }),
    without: new Set(without),
    ...(horizonMs === null ? {} : { horizonMs }),
  };
}

/** What is told while a campaign runs, which may take an hour. */
export interface Listener {
  readonly progress: (done: number, violations: number) => void;
  readonly found: (finding: Shrunk) => void;
}

/** Runs the seeds of a campaign that fall to this part, one after the other. */
export function runPart(
  campaign: Campaign,
  part: { readonly index: number; readonly of: number },
  listener: Listener,
): Tally {
  const narrowing = narrowingOf(campaign);
  const startedCpu = process.cpuUsage();
  const findings: Shrunk[] = [];
  const find = (finding: Shrunk): void => {
    findings.push(finding);
    listener.found(finding);
  };
  const rotations: Record<string, number> = {};
  const struck: Record<string, number> = {};
  let [seeds, twice, violations, events] = [0, 0, 0, 0];
  for (let seed = campaign.from + part.index; seed < campaign.from + campaign.seeds; seed += part.of) {
    const run = runSeed(seed, narrowing);
    seeds += 1;
    events += run.events;
    add(rotations, run.rotations);
    add(struck, run.struck);
    const fails = run.violations.length > 0;
    if (fails || seed < campaign.twiceBelow) {
      twice += 1;
      const again = runSeed(seed, narrowing);
      if (again.hash !== run.hash) find(undetermined(seed, run.hash, again.hash));
    }
    if (fails) {
      violations += 1;
      const shrunk = findings.length < MOST_FINDINGS ? shrink(seed, narrowing) : null;
      if (shrunk !== null) find(shrunk);
    }
    if (seeds % TELL_EVERY === 0) listener.progress(seeds, violations);
  }
  const { user, system } = process.cpuUsage(startedCpu);
  return { seeds, twice, findings, violations, events, rotations, struck, cpuMs: Math.round((user + system) / 1_000) };
}

/** Runs a campaign in as many processes as are asked for, and adds up what they say. */
export async function runCampaign(
  campaign: Campaign,
  processes: number,
  listener: Listener = { progress: () => undefined, found: () => undefined },
): Promise<Tally> {
  const doneBy = Array.from({ length: processes }, () => ({ done: 0, violations: 0 }));
  const program = await bundled(fileURLToPath(new URL('./campaign-process.ts', import.meta.url)));
  const parts = doneBy.map((mine, index) =>
    runChild(
      program,
      campaign,
      { index, of: processes },
      {
        progress: (done, violations) => {
          Object.assign(mine, { done, violations });
          listener.progress(
            doneBy.reduce((sum, each) => sum + each.done, 0),
            doneBy.reduce((sum, each) => sum + each.violations, 0),
          );
        },
        found: listener.found,
      },
    ),
  );
  return (await Promise.all(parts)).reduce((sum, tally) => ({
    seeds: sum.seeds + tally.seeds,
    twice: sum.twice + tally.twice,
    findings: [...sum.findings, ...tally.findings],
    violations: sum.violations + tally.violations,
    events: sum.events + tally.events,
    rotations: add({ ...sum.rotations }, tally.rotations),
    struck: add({ ...sum.struck }, tally.struck),
    cpuMs: sum.cpuMs + tally.cpuMs,
  }));
}

/** What a child says to its parent. */
export type Said =
  | { readonly kind: 'progress'; readonly done: number; readonly violations: number }
  | { readonly kind: 'found'; readonly finding: Shrunk }
  | { readonly kind: 'ended'; readonly tally: Tally };

function runChild(
  program: string,
  campaign: Campaign,
  part: { readonly index: number; readonly of: number },
  listener: Listener,
): Promise<Tally> {
  return new Promise((resolve, reject) => {
    // What runs the tests may run them with a loader; a bundle needs none.
    const child = fork(program, [JSON.stringify(campaign), JSON.stringify(part)], { execArgv: [] });
    let tally: Tally | null = null;
    const watchdog = setTimeout(() => child.kill('SIGKILL'), HANGS_MS);
    child.on('message', (said: Said) => {
      watchdog.refresh();
      if (said.kind === 'ended') tally = said.tally;
      else if (said.kind === 'found') listener.found(said.finding);
      else listener.progress(said.done, said.violations);
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(watchdog);
      if (tally === null) reject(new Error(`a part of the simulation ended with ${code ?? signal} and no result`));
      else resolve(tally);
    });
  });
}

function undetermined(seed: number, first: string, second: string): Shrunk {
  const what = `the same seed gave two traces, ${first} and ${second}`;
  return { seed, invariant: 'non-determinism', what, only: [], horizonMs: 0 };
}

function add(sums: Record<string, number>, more: Readonly<Record<string, number>>): Record<string, number> {
  for (const [name, count] of Object.entries(more)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}
