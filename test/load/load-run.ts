import { setTimeout as delay } from 'node:timers/promises';
import { findAlive, findOrphans, findRemains, loginRoles } from './aftermath.js';
import { filesIn, secrets, secretsOf } from './cast.js';
import { CurrentProbe } from './current-probe.js';
import { beginFaults } from './faults.js';
import { type Ground, type QueueKind, type TakeDown, buildGround } from './ground.js';
import { scanLoad, shownBy } from './load-leaks.js';
import type { LoadResult } from './load-result.js';
import { type OldCredential, RotationLanes } from './rotation-lanes.js';
import type { RunningConsumer } from './running-consumer.js';
import { type StateView, openStateView } from './state-view.js';
import { WorkerFleet } from './worker-fleet.js';

/** How long a run is, and on what. */
export interface LoadOptions {
  readonly queue: QueueKind;
  /** No rotation is asked for once this says no. */
  readonly mayAsk: (soFar: { readonly asked: number; readonly elapsedMs: number }) => boolean;
  /** Aborted when somebody interrupts it. */
  readonly signal: AbortSignal;
  /** Told of what has been reached, from time to time. */
  readonly progress: (text: string) => void;
  /** Where each worker has a folder with its log, which stays. Default: a folder that goes with the run. */
  readonly logFolder?: string | undefined;
}

const workerCount = 4;
const progressEveryMs = 10_000;
const lookEveryMs = 1_000;

/** A run in which no rotation has ended for so long is given up: what is open then has failed. */
const maxStillMs = 10 * 60_000;

/**
 * Rotates under load: four consumers and a probe at work while workers are killed and the queue is flushed, from the
 * first rotation to the end of the last. Leaves nothing running and nothing on disk, however it ends.
 */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const takeDown: TakeDown = [];
  try {
    const ground = await buildGround(options.queue, takeDown);
    const before = await loginRoles(ground.server);
    const workerFolder = options.logFolder ?? filesIn(ground.janitor.folder).workers;
    const fleet = new WorkerFleet(ground, workerFolder);
    takeDown.push(() => fleet.stop());
    for (let count = 0; count < workerCount; count += 1) fleet.start();
    const state = await openStateView(ground);
    takeDown.push(() => state.close());
    await giveFirstCredentials(ground, state, options);
    return await underLoad({ ground, state, fleet, workerFolder, before, takeDown }, options);
  } finally {
    for (const take of takeDown.reverse()) await take().catch(() => {});
  }
}

/** The first credential of each secret comes before the load: until then there is nothing to log in with. */
async function giveFirstCredentials({ target }: Ground, state: StateView, options: LoadOptions): Promise<void> {
  const first = new RotationLanes({ state, target, signal: options.signal });
  await first.runOnce();
  const [failed] = first.unfinished;
  if (failed !== undefined)
    throw new Error(`${failed.secret} got no first credential: ${failed.code ?? failed.status}`);
  options.progress('every secret has its first credential');
}

interface Standing {
  readonly ground: Ground;
  readonly state: StateView;
  readonly fleet: WorkerFleet;
  readonly workerFolder: string;
  readonly before: readonly string[];
  readonly takeDown: TakeDown;
}

async function underLoad(standing: Standing, options: LoadOptions): Promise<LoadResult> {
  const { ground, state, fleet, workerFolder, before, takeDown } = standing;
  const { target, consumers } = ground;
  const startedMs = performance.now();
  const elapsedMs = (): number => performance.now() - startedMs;
  const giveUp = new AbortController();
  const signal = AbortSignal.any([options.signal, giveUp.signal]);
  const probe = new CurrentProbe(state, target);
  takeDown.push(() => probe.stop());
  await beginWork(consumers, signal);
  probe.start();

  const faults = beginFaults({ fleet, state, flush: ground.flush });
  takeDown.push(() => faults.stop());
  const lanes = new RotationLanes({ state, target, signal });
  const telling = setInterval(() => {
    const { kills, flushes } = faults.counts();
    options.progress(
      `${Math.round(elapsedMs() / 1000)} s: ${lanes.completed} of ${lanes.asked} rotations completed, ${kills} kills, ` +
        `${flushes} flushes, ${countFailures(consumers, probe)} failures`,
    );
  }, progressEveryMs);
  const looking = setInterval(() => {
    if (performance.now() - lanes.lastEndedMs > maxStillMs) giveUp.abort();
  }, lookEveryMs);
  try {
    await lanes.run(() => options.mayAsk({ asked: lanes.asked, elapsedMs: elapsedMs() }));
  } finally {
    clearInterval(telling);
    clearInterval(looking);
  }
  await faults.stop();
  await probe.stop();
  const orphans = await findOrphans(ground.server, { before, currents: await currentIdentities(state) });
  const shown = await shownBy([...fleet.pids, ...consumers.map(({ pid }) => pid)]);
  const reports = await Promise.all(
    consumers.map(async (consumer) => {
      const last = await consumer.finish();
      return { name: consumer.name, hasFinished: last !== null, counters: last ?? consumer.counters() };
    }),
  );
  const unstoppable = await fleet.stop();
  const aliveNow = await findAlive(target, lanes.olds);
  const named = ({ secret, version }: OldCredential): string => `${secret} ${version}`;
  const accepted = new Set([...lanes.accepted, ...aliveNow].map(named));
  const { unfinished } = lanes;
  const ended = (status: string): number => unfinished.filter((each) => each.status === status).length;
  const { names, bytes, values, leaks } = await scanLoad({ ground, state, workerFolder, shown });
  const tookMs = [...lanes.tookMs].sort((a, b) => a - b);
  return {
    queue: options.queue,
    seconds: Math.round(elapsedMs() / 1000),
    consumers: reports,
    probe: probe.seen(),
    rotations: {
      asked: lanes.asked,
      completed: lanes.completed,
      rolledBack: ended('rolled_back'),
      parked: ended('parked'),
      open: ended('open'),
      unfinished,
      tookMs: { median: tookMs[Math.floor(tookMs.length / 2)] ?? 0, longest: tookMs.at(-1) ?? 0 },
    },
    ...faults.counts(),
    workerFailures: [
      ...fleet.startFailures,
      ...(unstoppable === 0 ? [] : [`${unstoppable} worker(s) did not stop when asked`]),
    ],
    oldAccepted: [...accepted],
    oldRefused: lanes.olds.length - accepted.size,
    orphans,
    remains: await findRemains(state),
    scan: { sinks: names.length, bytes, values, leaks },
  };
}

/** Resolves when every consumer works with every secret of its own. */
async function beginWork(consumers: readonly RunningConsumer[], signal: AbortSignal): Promise<void> {
  for (const consumer of consumers) consumer.work();
  const isAtWork = (consumer: RunningConsumer): boolean => {
    if (!consumer.isRunning()) throw new Error(`${consumer.name} ended before it worked`);
    const { holding, queries, freshLogins } = consumer.counters();
    return holding === secretsOf(consumer.name).length && queries > 0 && freshLogins > 0;
  };
  while (!consumers.every(isAtWork)) await delay(50, undefined, { signal });
}

function countFailures(consumers: readonly RunningConsumer[], probe: CurrentProbe): number {
  return consumers.reduce((sum, { counters }) => sum + counters().failures, probe.seen().failures);
}

async function currentIdentities(state: StateView): Promise<readonly string[]> {
  const currents = await Promise.all(secrets.map((secret) => state.current(secret)));
  return currents.flatMap((current) => (current === null ? [] : [current.credential.identity]));
}
