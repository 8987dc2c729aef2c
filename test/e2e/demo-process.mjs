// Plays the demo from what was built, as `keyturn demo --json` does, with what a test changes of it: argv[2] is JSON.
// Plain JavaScript, because it must import nothing but dist/.
import { once } from 'node:events';
import { processTerminal } from '../../dist/src/cli/terminal.js';
import { demoParts, startDemo } from '../../dist/src/main/demo.js';

const { failures = 0, holds = false, ...options } = JSON.parse(process.argv[2] ?? '{}');
const parts = demoParts();

/** An application that reports so many failures at its end. */
const unlucky = async (order) => {
  const app = await parts.startApp(order);
  const finish = async () => ({ ...(await app.finish()), failures, failedWith: ['planted by the test'] });
  return { ...app, finish };
};

/** Tells the test where everything is, and holds it up until the test has seen enough. */
const hold = async ({ server, folder, state, app, workers }) => {
  const values = [];
  for (let version = 1; ; version += 1) {
    const found = await state.read(version);
    if (found === null) break;
    values.push(Buffer.from(found.value[Symbol.for('keyturn.secret.open')]()).toString('utf8'));
  }
  const processes = [process.pid, app.pid, ...workers.everStarted];
  process.send({ url: server.url('postgres'), serverLog: server.serverLogPath, folder, values, processes });
  await once(process, 'message');
};

process.exitCode = await startDemo({
  ...options,
  terminal: processTerminal(),
  json: true,
  parts: failures === 0 ? parts : { ...parts, startApp: unlucky },
  ...(holds ? { inspect: hold } : {}),
});
if (process.connected) process.disconnect();
