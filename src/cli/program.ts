import { Command, CommanderError } from 'commander';
import { keyturnError } from '../core/errors.js';
import { agent } from './commands/agent.js';
import { audit } from './commands/audit.js';
import { consumers } from './commands/consumers.js';
import { deliveries } from './commands/deliveries.js';
import { doctor } from './commands/doctor.js';
import { exec } from './commands/exec.js';
import { init } from './commands/init.js';
import { followCommand, history, status } from './commands/look.js';
import { rotate } from './commands/rotate.js';
import { rotator } from './commands/rotator.js';
import { demo, migrate, serve, up, worker } from './commands/serve.js';
import { cancel, hold, restored, resume, rollback } from './commands/steer.js';
import { store } from './commands/store.js';
import { token } from './commands/token.js';
import type { Doors, Where } from './doors.js';
import type { Common } from './output.js';
import { Output, exit } from './output.js';

/** What a command's action is given. */
export interface Call {
  readonly doors: Doors;
  readonly where: Where;
  readonly output: Output;
  readonly common: Common;
  /** The arguments that are not options, as they were given. */
  readonly args: readonly (string | undefined)[];
  /** Everything that was typed after `keyturn`. */
  readonly typed: readonly string[];
}

/** Wraps a command's action: its result becomes the exit code, what it throws becomes one line. */
export type WrapAction = (
  action: (call: Call, command: Command) => Promise<number>,
) => (...given: unknown[]) => Promise<void>;

/** Adds a command to the program. */
export type Register = (program: Command, action: WrapAction) => Command;

/** In the order in which a newcomer needs them. */
const commands: readonly Register[] = [
  demo,
  init,
  up,
  migrate,
  worker,
  serve,
  doctor,
  rotate,
  status,
  history,
  followCommand,
  cancel,
  resume,
  rollback,
  hold,
  consumers,
  deliveries,
  store,
  token,
  exec,
  agent,
  rotator,
  audit,
  restored,
];

/**
 * Runs one command. Never throws.
 *
 * *Returns* the exit code: 0 done, 1 failed, 2 called or configured wrongly, 3 parked.
 */
export async function runCli(args: readonly string[], doors: Doors): Promise<number> {
  let code: number = exit.done;
  const program = new Command('keyturn')
    .description('Rotates credentials without anybody noticing, and proves that the old one is dead.')
    .version(doors.version, '--version', 'the version of Keyturn')
    .showSuggestionAfterError(false);
  const wrap: WrapAction =
    (action) =>
    async (...given) => {
      // Commander gives the arguments, then the options, then the command.
      const command = given.at(-1) as Command;
      const common = command.opts<Common>();
      const output = new Output(doors.terminal, common);
      const where = { config: common.config, data: common.data };
      try {
        const operands = given.slice(0, -2) as readonly (string | undefined)[];
        code = await action({ doors, where, output, common, args: operands, typed: args }, command);
      } catch (error) {
        code = output.fail(error);
      }
    };
  for (const register of commands) register(program, wrap);
  eachCommand(program, (command) => prepare(command, doors));
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) return outputOf(args, doors).fail(error);
    if (error.exitCode === 0) return exit.done;
    return outputOf(args, doors).fail(usageOf(error, commandOf(program, args), args));
  }
}

function eachCommand(command: Command, use: (command: Command) => void): void {
  use(command);
  for (const child of command.commands) eachCommand(child, use);
}

/** Errors of usage are ours to write: one line with code and cure, like every other. */
function prepare(command: Command, { terminal }: Doors): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => void terminal.stdout.write(text),
    writeErr: (text) => void (/^error:/.test(text) ? undefined : terminal.stderr.write(text)),
    outputError: () => {},
  });
  if (command.commands.length > 0) return;
  command
    .option('--json', 'one JSON document on standard output', false)
    .option('--verbose', 'show the stack of an error; it may hold what a driver or your configuration threw', false);
  // The demo has a configuration and a folder of its own; rotators are looked at without any, and the agent runs where
  // Keyturn itself is not.
  if (['demo', 'agent'].includes(command.name()) || command.parent?.name() === 'rotator') return;
  command
    .option('--config <file>', 'the configuration; default: KEYTURN_CONFIG, then keyturn.config.ts, .js or .mjs here')
    .option('--data <folder>', 'the folder of `keyturn up`', './.keyturn');
}

/**
 * Tells of what nobody awaited, in the one line that every error gets: Node would print it with the source around it,
 * and what a configuration or a driver threw may hold a value. *Returns* the exit code.
 */
export function tellUncaught(error: unknown, args: readonly string[], doors: Doors): number {
  return outputOf(args, doors).fail(error);
}

/** Where parsing failed nothing was parsed: the two that matter for an error are looked for by hand, before any `--`. */
function outputOf(given: readonly string[], { terminal }: Doors): Output {
  const args = given.includes('--') ? given.slice(0, given.indexOf('--')) : given;
  const common = { json: args.includes('--json'), verbose: args.includes('--verbose'), config: undefined, data: '' };
  return new Output(terminal, common);
}

/** The command that was meant, as far as there is one: `store put`. */
function commandOf(program: Command, args: readonly string[]): string {
  const names: string[] = [];
  let at: Command | undefined = program;
  for (const arg of args.filter((each) => !each.startsWith('-'))) {
    at = at.commands.find((command) => command.name() === arg);
    if (at === undefined) break;
    names.push(arg);
  }
  return names.join(' ');
}

function usageOf(error: CommanderError, command: string, args: readonly string[]): Error {
  if (error.code === 'commander.help') return keyturnError('USAGE', { finding: 'a command is missing', command });
  const found = findingOf(error);
  const advice = adviceOn(error, command, args);
  return keyturnError('USAGE', { finding: advice === undefined ? found : `${found}; ${advice}`, command });
}

/** What commander says, as a part of our line. What stands behind an unknown option may be a value, and is left out. */
function findingOf({ code, message }: CommanderError): string {
  const text = message.replace(/^error: /, '');
  const [, option] = code === 'commander.unknownOption' ? (/^unknown option '(--[^='\s]*|-.)/u.exec(text) ?? []) : [];
  return option === undefined ? text.replace(/\s*[\r\n]+\s*/g, ' ').replace(/\.$/, '') : `unknown option '${option}'`;
}

/** What is meant most often by who calls these two wrongly. */
function adviceOn({ code }: CommanderError, command: string, args: readonly string[]): string | undefined {
  const isUnknown = code === 'commander.unknownOption';
  if (command === 'exec' && isUnknown && !args.includes('--')) return 'the command and its options stand after --';
  if (command === 'store put' && (isUnknown || code === 'commander.excessArguments')) {
    return 'a value is never an argument: it comes from --file or from standard input';
  }
  return undefined;
}
