import { existsSync } from 'node:fs';
import { parseCredential } from '../../core/credential.js';
import { keyturnError } from '../../core/errors.js';
import { awaitEnd } from '../process-identity.js';
import { playFirst, playKill, playRefusal, playUnderLoad } from './acts.js';
import { type DemoParts, names } from './parts.js';
import { type DemoSeen, least } from './promises.js';
import { countPayments, findOrphans, loginRoles } from './remains.js';
import { type DemoReport, reportOn } from './report.js';
import { type DemoOptions, type Stage, type TakeDown, buildStage } from './stage.js';
import { until } from './waiting.js';

const fields = { identity: 'username', value: 'password' };

/** How long what was told to end may take to be gone. */
const maxEndMs = 5_000;

/**
 * Rotates the credential of busy applications on a real PostgreSQL, waits for one that proves nothing until a person
 * answers for it, kills a worker, and lets a canary refuse, with everything in processes of their own. Leaves nothing
 * running and nothing on disk, however it ends.
 *
 * *Errors* `DEMO_BROKEN_OFF`, and those of the embedded PostgreSQL. A broken promise is no error: the report names it.
 */
export async function runDemo(parts: DemoParts, options: DemoOptions): Promise<DemoReport> {
  const startedMs = performance.now();
  const takeDown: TakeDown = [];
  const traces = new Traces();
  let seen: Omit<DemoSeen, 'remains'>;
  try {
    const stage = await buildStage(parts, options, takeDown);
    traces.note(stage);
    seen = await playAll(stage, options);
    traces.note(stage);
    await options.inspect?.(stage);
  } finally {
    options.narrator.close();
    for (const take of takeDown.reverse()) await take().catch(() => {});
  }
  const remains = await traces.remaining();
  return reportOn({ ...seen, remains }, performance.now() - startedMs);
}

async function playAll(stage: Stage, options: DemoOptions): Promise<Omit<DemoSeen, 'remains'>> {
  const { cast, probe, server, state } = stage;
  const before = await loginRoles(server.url);
  const showing = setInterval(() => options.narrator.status(statusOf(stage)), 200);
  try {
    const first = await playFirst(stage, options);
    refuseToGoOn(first.status === 'completed', 'there is no first credential');
    const underLoad = await playUnderLoad(stage, options);
    const killed = await playKill(stage, options);
    const refused = await playRefusal(stage, options);
    await busyEnough(stage, options);
    await probe.stop();
    const counters = await cast.finish();
    const current = await state.read('current');
    const identity = current === null ? '' : parseCredential(current.value, fields, names.secret).identity;
    return {
      rotations: [first, underLoad.rotation, killed.rotation, refused.rotation],
      kill: killed.kill,
      app: counters,
      appFinished: cast.haveFinished(),
      waived: underLoad.waived,
      probe: probe.seen(),
      oldLogins: [underLoad.oldLogin, killed.oldLogin],
      rolledBack: refused.rolledBack,
      orphans: await findOrphans(server.url, { before, current: identity }),
      paymentsFound: await countPayments(server.url),
    };
  } finally {
    clearInterval(showing);
    options.narrator.close();
  }
}

/** A fast machine is done with the rotations before the applications have done their share. */
async function busyEnough({ cast }: Stage, options: DemoOptions): Promise<void> {
  const isEnough = async (): Promise<true | undefined> => {
    const { queries, freshLogins } = cast.counters();
    return (queries >= least.queries && freshLogins >= least.freshLogins) || !cast.areRunning() ? true : undefined;
  };
  await until('the applications have done their share', isEnough, options);
}

function statusOf({ cast, probe }: Stage): string {
  const { queries, freshLogins, failures } = cast.counters();
  const seen = probe.seen();
  return `  applications: ${queries} queries, ${freshLogins} fresh logins, ${failures} failures; probe: ${seen.looks} logins, ${seen.failures} failures`;
}

function refuseToGoOn(holds: boolean, finding: string): void {
  if (!holds) throw keyturnError('DEMO_BROKEN_OFF', { finding });
}

/** Where to look for what outlived the demo. */
class Traces {
  readonly #folders = new Set<string>();
  readonly #processes = new Set<number>();

  note({ folder, server, cast, workers }: Stage): void {
    for (const each of [folder, server.dataDir]) this.#folders.add(each);
    for (const pid of [...cast.pids, ...workers.everStarted]) this.#processes.add(pid);
  }

  async remaining(): Promise<readonly string[]> {
    const remains = [...this.#folders].filter((folder) => existsSync(folder)).map((folder) => `folder ${folder}`);
    for (const pid of this.#processes) if (!(await awaitEnd(pid, maxEndMs))) remains.push(`process ${pid}`);
    return remains;
  }
}
