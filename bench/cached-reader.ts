import { createCachedReader } from 'keyturn/consumer';

// Hits per second of the cached reader, each awaited before the next, as an application does that reads on every
// request. The store behind it is a function: what is measured is what a hit costs. Run: npm run bench:reader

const forMs = 2_000;
const goalPerSecond = 500_000;

/** Reads the names in turn for two seconds, after a tenth of that to warm up. */
async function hitsPerSecond(names: readonly string[]): Promise<number> {
  let calls = 0;
  const reader = createCachedReader({
    read: async (name) => {
      calls += 1;
      return { value: `value of ${name}`, version: 1 };
    },
  });
  for (const name of names) await reader.read(name);
  const round = async (untilMs: number): Promise<number> => {
    let reads = 0;
    // The clock of the loop is looked at once in a thousand reads; the reader looks at its own on each.
    while (performance.now() < untilMs) {
      for (let read = 0; read < 1_000; read += 1) await reader.read(names[read % names.length] ?? '');
      reads += 1_000;
    }
    return reads;
  };
  await round(performance.now() + forMs / 10);
  const startedMs = performance.now();
  const reads = await round(startedMs + forMs);
  const tookMs = performance.now() - startedMs;
  reader.close();
  if (calls !== names.length) throw new Error(`${calls} calls for ${names.length} names: these were no hits`);
  return (reads / tookMs) * 1_000;
}

for (const count of [1, 1_000]) {
  const perSecond = await hitsPerSecond(Array.from({ length: count }, (_, index) => `/prod/billing/${index}:current`));
  const said = `${(perSecond / 1e6).toFixed(2)} million hits/s`;
  console.log(`${count} name(s): ${said} (goal ${goalPerSecond}: ${perSecond >= goalPerSecond ? 'met' : 'not met'})`);
}
