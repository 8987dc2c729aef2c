import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Campaign, type Tally, narrowingOf, runCampaign } from './campaign.js';
import { catchAll, keepSeeds } from './plant.js';
import { plantedBugs } from './planted-bugs.js';
import { keep } from './regressions.js';
import { type Shrunk, replayCommand } from './shrink.js';
import { runSeed } from './world.js';

const usage = `npm run sim -- [--seeds N] [--from S] [--processes P] [--twice N] [--only kind,kind] [--without kind,kind] [--horizon MS] [--out FILE] [--keep]

  --seeds N      how many seeds; 1 prints everything that happened in it (default 10000)
  --from S       the first seed (default 0)
  --processes P  how many processes (default 2)
  --twice N      the seeds below N are run twice and must give equal traces (default 10000)
  --only K,K     only these kinds of fault strike; '' for none
  --without K,K  these kinds of fault never strike
  --horizon MS   no fault strikes after this
  --out FILE     where the result is written as JSON
  --planted      plants every bug of planted-bugs.ts in a copy, and lists each with the seed that caught it
  --keep         keeps every failing seed as a regression; with --planted, the seeds that caught
`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10000' },
    from: { type: 'string', default: '0' },
    processes: { type: 'string', default: '2' },
    twice: { type: 'string', default: '10000' },
    only: { type: 'string' },
    without: { type: 'string', default: '' },
    horizon: { type: 'string' },
    out: { type: 'string' },
    keep: { type: 'boolean', default: false },
    planted: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const campaign: Campaign = {
  from: Number(values.from),
  seeds: Number(values.seeds),
  twiceBelow: Number(values.twice),
  only: values.only === undefined ? null : listed(values.only),
  without: listed(values.without),
  horizonMs: values.horizon === undefined ? null : Number(values.horizon),
};

if (values.help) process.stdout.write(usage);
else if (values.planted) process.exitCode = await plantAll(values.keep);
else if (campaign.seeds === 1) process.exitCode = replay(campaign);
else process.exitCode = await runMany(campaign, Number(values.processes));

function listed(kinds: string): readonly string[] {
  return kinds.split(',').filter((each) => each !== '');
}

/** Every planted bug, each with the seed that caught it. */
async function plantAll(isKept: boolean): Promise<number> {
  const startedMs = performance.now();
  const seeds: Record<string, number> = {};
  const { missed } = await catchAll(plantedBugs, ({ name }, caught) => {
    const how = caught === null ? 'NOT FOUND' : `seed ${caught.seed}, ${caught.invariant}: ${caught.what}`;
    process.stdout.write(`${name}\n  ${how}\n`);
    if (caught !== null) seeds[name] = caught.seed;
  });
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  const found = plantedBugs.length - missed.length;
  process.stdout.write(`planted bugs: ${found} found / ${plantedBugs.length}, in ${seconds} s\n`);
  // In the order in which they stand, however fast each was.
  const inOrder = plantedBugs.flatMap(({ name }) => (seeds[name] === undefined ? [] : [[name, seeds[name]]]));
  if (isKept) keepSeeds(Object.fromEntries(inOrder) as Record<string, number>);
  return missed.length === 0 ? 0 : 1;
}

/** One seed, told line by line. */
function replay(campaign: Campaign): number {
  const { from } = campaign;
  const narrowing = narrowingOf(campaign);
  const { lines, violations, hash, struck } = runSeed(from, narrowing, true);
  const again = runSeed(from, narrowing);
  process.stdout.write(`${lines.join('\n')}\nfaults that struck: ${JSON.stringify(struck)}\n`);
  const twice = again.hash === hash ? 'twice the same' : `NOT the same twice: ${again.hash}`;
  process.stdout.write(`seed ${from}: ${violations.length} violations, trace ${hash}, ${twice}\n`);
  return violations.length === 0 && again.hash === hash ? 0 : 1;
}

async function runMany(many: Campaign, processes: number): Promise<number> {
  const startedMs = performance.now();
  let told = 0;
  const progress = (done: number, violations: number): void => {
    const said = `${done} of ${many.seeds} seeds, ${violations} violated something`;
    if (process.stderr.isTTY) process.stderr.write(`\r${said} `);
    // A log is given a line for each hundredth.
    else if (Math.floor((done * 100) / many.seeds) > told) process.stderr.write(`${said}\n`);
    told = Math.floor((done * 100) / many.seeds);
  };
  // Each is printed when it is found: whoever mends it need not wait for the end.
  const found = (shrunk: Shrunk): void => {
    process.stdout.write(`${shrunk.invariant}: ${shrunk.what}\n  ${replayCommand(shrunk)}\n`);
    if (values.keep) process.stdout.write(`  kept as ${keep(shrunk)}\n`);
  };
  const tally = await runCampaign(many, processes, { progress, found });
  const tookMs = Math.round(performance.now() - startedMs);
  if (process.stderr.isTTY) process.stderr.write('\n');
  if (values.out !== undefined)
    writeFileSync(values.out, `${JSON.stringify({ ...many, ...tally, tookMs }, null, 2)}\n`);
  process.stdout.write(`${lineOf(tally, tookMs)}\n`);
  return tally.findings.length === 0 ? 0 : 1;
}

function lineOf({ seeds, violations, twice, events, cpuMs }: Tally, tookMs: number): string {
  const rate = (ms: number): number => Math.round((seeds / ms) * 1_000);
  return `simulator: ${seeds} seeds (${twice} of them twice), ${violations} violations, ${events} events, ${rate(tookMs)} seeds/s, ${rate(cpuMs)} seeds per second of processor time`;
}
