import { calendar } from '../src/adapters/cron/calendar.js';
import { loadConfig } from '../src/config/load.js';
import { claimsFor, planFor, secretOf } from '../src/config/plan.js';
import { workflows } from '../src/main/settings.js';
import { newRotationId, openState } from '../src/main/state.js';
import { BareLoop } from './bare-loop.js';
import { type Rig, memoryMb, startRig, withClient } from './rig.js';

// Rotations per second beside a bare loop with the same outside effects, in turn in one run. Run: npm run bench

const secrets = 32;
const rounds = 3;

interface Measured {
  readonly perSecond: number;
  readonly commits: number;
  readonly logins: number;
}

/** Runs `work` for every number below `count`, at most `width` at a time. */
async function inParallel(count: number, width: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await work(index % secrets);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** Commits in the state database and logins to the target's, counted by the server. */
async function counts(rig: Rig): Promise<{ readonly commits: number; readonly logins: number }> {
  return withClient(rig.server.url('postgres'), async (client) => {
    await client.query('SELECT pg_stat_force_next_flush()');
    const { rows } = await client.query<{ datname: string; commits: number; sessions: number }>(
      `SELECT datname, xact_commit::int AS commits, sessions::int AS sessions FROM pg_stat_database WHERE datname IN ('keyturn_state', 'billing')`,
    );
    const row = (name: string) => rows.find((each) => each.datname === name);
    return { commits: row('keyturn_state')?.commits ?? 0, logins: row('billing')?.sessions ?? 0 };
  });
}

async function measure(rig: Rig, count: number, work: () => Promise<void>): Promise<Measured> {
  const before = await counts(rig);
  const startedMs = performance.now();
  await work();
  const tookMs = performance.now() - startedMs;
  const after = await counts(rig);
  return {
    perSecond: (count / tookMs) * 1_000,
    commits: (after.commits - before.commits) / count,
    logins: (after.logins - before.logins) / count,
  };
}

/** Asks for rotations of `count` secrets at once and waits until the last has ended. */
async function keyturn(rig: Rig, count: number): Promise<void> {
  const config = await loadConfig(rig.config, { workflows, calendar: calendar() });
  const state = await openState({ database: rig.stateUrl, queue: rig.stateUrl });
  try {
    const ids = Array.from({ length: count }, () => newRotationId());
    for (const [index, rotationId] of ids.entries()) {
      const path = `/bench/${index % secrets}`;
      const asked = { trigger: 'demand', reason: 'bench', requestedBy: 'local:bench', repair: false } as const;
      const accepted = await state.accept(
        planFor({ config, environment: 'bench', path, rotationId, ...asked }),
        claimsFor(secretOf(config, 'bench', path)),
      );
      if (accepted.kind !== 'accepted') throw new Error(`${path} was ${accepted.kind}`);
      await state.ring(rotationId);
    }
    await withClient(rig.stateUrl, async (client) => {
      for (;;) {
        const { rows } = await client.query<{ status: string; code: string | null; count: number }>(
          'SELECT status, code, count(*)::int AS count FROM keyturn.rotations WHERE rotation_id = ANY ($1) GROUP BY status, code',
          [ids],
        );
        const bad = rows.find((each) => !['completed', 'running'].includes(each.status));
        if (bad !== undefined) throw new Error(`${bad.count} rotation(s) ended ${bad.status} (${bad.code})`);
        if (rows.every((each) => each.status === 'completed')) return;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    });
  } finally {
    await state.close();
  }
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

function line(name: string, runs: readonly Measured[]): string {
  const of = (pick: (run: Measured) => number, digits: number): string =>
    median(runs.map(pick)).toFixed(digits).padStart(8);
  return `${name.padEnd(26)}${of((run) => run.perSecond, 1)} /s${of((run) => run.commits, 1)} commits${of((run) => run.logins, 1)} logins`;
}

process.once('SIGTERM', () => process.exit(1));
process.once('SIGINT', () => process.exit(1));

const rig = await startRig(secrets);
const bare = await BareLoop.open(rig, secrets);
try {
  await inParallel(secrets, 8, (index) => bare.rotate(index));
  const first = await rig.worker(16);
  await keyturn(rig, secrets);
  const idle = await memoryMb(first.pid);
  await first.stop();
  console.log(`state and target on one embedded PostgreSQL, fsync on; median of ${rounds} rounds, in turn`);
  for (const [width, count] of [
    [1, 24],
    [16, secrets],
  ] as const) {
    const worker = await rig.worker(width);
    const runs: { bare: Measured[]; keyturn: Measured[] } = { bare: [], keyturn: [] };
    for (let round = 0; round < rounds; round += 1) {
      runs.bare.push(await measure(rig, count, () => inParallel(count, width, (index) => bare.rotate(index))));
      runs.keyturn.push(await measure(rig, count, () => keyturn(rig, count)));
    }
    const memory = await memoryMb(worker.pid);
    await worker.stop();
    const ratio = median(runs.keyturn.map((run) => run.perSecond)) / median(runs.bare.map((run) => run.perSecond));
    console.log(`\nconcurrency ${width}, ${count} rotations a round`);
    console.log(line('bare loop', runs.bare));
    console.log(line('keyturn (one worker)', runs.keyturn));
    console.log(
      `ratio ${ratio.toFixed(2)}; worker RSS ${memory.now} MB, at most ${memory.most} MB (after its first ${secrets}: ${idle.now} MB)`,
    );
  }
} finally {
  await bare.close();
  await rig.close();
}
