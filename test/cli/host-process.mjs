/**
 * Runs commands one after the other in one process, each with the environment, the folder and the standard input it is
 * given: to load the program takes ten times as long as most commands do. The built program, as it is shipped.
 *
 * What a process would show by itself is looked at here: a command has ended once nothing of it keeps this process alive.
 */
import process from 'node:process';
import { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

const [main, program] = process.argv.slice(2);
const { createDoors } = await import(main);
const { runCli, tellUncaught } = await import(program);

/** How long what a command leaves open may take to close. Milliseconds. */
const CLOSING_MAX_MS = 10_000;

const idle = new Map();
let running;

process.on('uncaughtException', (error) => {
  if (running === undefined) throw error;
  // What was begun is in an unknown state, here as in a process of its own.
  answer(tellUncaught(error, running.args, running.doors), () => process.exit());
});
process.on('message', (command) => void run(command));
for (const [name, count] of activeNow()) idle.set(name, count);
process.send('ready');

async function run({ args, cwd, env, stdin }) {
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
  const [stdout, stderr] = [kept(), kept()];
  const terminal = {
    stdin: Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    isInteractive: false,
    isTerminal: () => false,
    interrupted: new AbortController().signal,
    wasInterrupted: () => false,
  };
  const doors = { ...createDoors({ ...env }), terminal };
  running = { args, doors, stdout, stderr };
  const code = await runCli(args, doors);
  const left = await whatIsLeft();
  if (left.length > 0) stderr.stream.write(`The command has answered and does not end: ${left.join(', ')}\n`);
  answer(left.length > 0 ? null : code);
}

function answer(code, then) {
  // Every terminal listens to the one standard output.
  process.stdout.removeAllListeners('error');
  process.send({ code, stdout: running.stdout.text(), stderr: running.stderr.text() }, then);
  running = undefined;
}

/** What keeps this process alive that did not before any command. */
async function whatIsLeft() {
  const untilMs = performance.now() + CLOSING_MAX_MS;
  for (;;) {
    const left = [...activeNow()].filter(([name, count]) => count > (idle.get(name) ?? 0)).map(([name]) => name);
    if (left.length === 0 || performance.now() > untilMs) return left;
    await delay(5, undefined, { ref: false });
  }
}

function activeNow() {
  const counts = new Map();
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function kept() {
  const chunks = [];
  const stream = new Writable({
    write(chunk, _, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') };
}
