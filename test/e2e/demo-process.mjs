// Plays the demo from what was built, as `keyturn demo --json` does, with what a test changes of it: argv[2] is JSON.
// Plain JavaScript, because it must import nothing but dist/ and what marks values.
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { processTerminal } from '../../dist/src/cli/terminal.js';
import { demoParts, startDemo } from '../../dist/src/main/demo.js';

const { failures = 0, holds = false, ...options } = JSON.parse(process.argv[2] ?? '{}');
const parts = demoParts();

/** The busy application reports so many failures at its end. */
const unlucky = async (order) => {
  const app = await parts.startApp(order);
  if (order.load !== 'busy') return app;
  const finish = async () => ({ ...(await app.finish()), failures, failedWith: ['planted by the test'] });
  return { ...app, finish };
};

/** An application whose every webhook and challenge, and what it answers, is kept in a file of the demo's folder. */
const recorded = async (order) => {
  const app = await parts.startApp(order);
  const file = join(order.folder, 'webhooks');
  const keep = (bytes) => appendFileSync(file, bytes, { mode: 0o600 });
  const between = createServer((incoming) => {
    const outgoing = connect(app.port, '127.0.0.1');
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ]) {
      from.on('data', keep);
      from.on('error', () => to.destroy());
      from.pipe(to);
    }
  });
  between.listen(0, '127.0.0.1').unref();
  await once(between, 'listening');
  return { ...app, port: between.address().port };
};

/** Tells the test where everything is, and holds it up until the test has seen enough. */
const hold = async ({ server, folder, state, cast, workers }) => {
  const values = [];
  for (let version = 1; ; version += 1) {
    const found = await state.read(version);
    if (found === null) break;
    values.push(Buffer.from(found.value[Symbol.for('keyturn.secret.open')]()).toString('utf8'));
  }
  const running = { apps: cast.pids, workers: workers.everStarted };
  process.send({ url: server.url('postgres'), serverLog: server.serverLogPath, folder, values, running });
  await once(process, 'message');
};

/** The workers generate values that carry the canary, and leak some when they are told to. */
const marked = {
  ...parts,
  startApp: recorded,
  workerProgram: [
    '--import',
    new URL('../support/plant-canary-process.mjs', import.meta.url).href,
    '--import',
    new URL('../support/leak-on-signal-process.mjs', import.meta.url).href,
    ...parts.workerProgram,
  ],
};

process.exitCode = await startDemo({
  ...options,
  terminal: processTerminal(),
  json: true,
  parts: holds ? marked : failures === 0 ? parts : { ...parts, startApp: unlucky },
  ...(holds ? { inspect: hold } : {}),
});
if (process.connected) process.disconnect();
