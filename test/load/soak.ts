// Runs Keyturn under load with kills and flushes for as long as one likes: npm run soak -- --minutes 60
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { findingsOf, lineOf } from './load-result.js';
import { runLoad } from './load-run.js';

const usage = `usage: npm run soak -- --minutes N [--queue redis|postgres] [--out FILE] [--logs FOLDER]
  --minutes  how long rotations are asked for
  --queue    what rings; default redis
  --out      where the result is written, as JSON; default a new file among the temporary ones
  --logs     where the folders of workers stay, with their logs at debug; default nowhere
At its end every sink is scanned for values; a hit ends it with status 1.
`;

interface SoakOptions {
  readonly minutes: number;
  readonly queue: 'redis' | 'postgres';
  readonly out: string;
  readonly logFolder: string | undefined;
}

/** *Returns* undefined for what is no soak. */
function optionsOf(args: readonly string[]): SoakOptions | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string' },
        queue: { type: 'string', default: 'redis' },
        out: { type: 'string', default: join(tmpdir(), `keyturn-soak-${process.pid}.json`) },
        logs: { type: 'string' },
      },
    });
    const { queue } = values;
    const minutes = Number(values.minutes);
    if (!(minutes > 0) || (queue !== 'redis' && queue !== 'postgres')) return undefined;
    return {
      minutes,
      queue,
      out: resolve(values.out),
      logFolder: values.logs === undefined ? undefined : resolve(values.logs),
    };
  } catch {
    return undefined;
  }
}

async function soak({ minutes, queue, out, logFolder }: SoakOptions): Promise<number> {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());
  if (logFolder !== undefined) await mkdir(logFolder, { recursive: true });
  const result = await runLoad({
    queue,
    mayAsk: ({ elapsedMs }) => elapsedMs < minutes * 60_000,
    signal: interruption.signal,
    progress: (text) => void process.stderr.write(`${text}\n`),
    logFolder,
  });
  const findings = findingsOf(result);
  await writeFile(out, `${JSON.stringify({ ok: findings.length === 0, findings, ...result }, null, 2)}\n`);
  for (const finding of findings) process.stderr.write(`${finding}\n`);
  process.stderr.write(`result: ${out}\n`);
  process.stdout.write(`${lineOf(result)}\n`);
  return findings.length === 0 ? 0 : 1;
}

const options = optionsOf(process.argv.slice(2));
if (options === undefined) {
  process.stderr.write(usage);
  process.exitCode = 2;
} else {
  process.exitCode = await soak(options);
}
