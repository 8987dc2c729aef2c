import type { Command } from 'commander';
import { type NamedValue, variablesOf } from '../../core/environment-variables.js';
import { keyturnError } from '../../core/errors.js';
import { openSecret } from '../../core/secret.js';
import type { ParameterVersion } from '../../ports/parameters.js';
import type { Doors } from '../doors.js';
import { pathOf } from '../parameter-argument.js';
import type { Register } from '../program.js';
import { runChild } from '../run-child.js';
import { type StoreSession, withStore } from '../store-session.js';

/** `keyturn exec --env prod --path /prod/billing -- node server.js` */
export const exec: Register = (program, action) =>
  program
    .command('exec')
    .description('run a command with the parameters below a path in its environment (exit code: that of the command)')
    .usage('--env <environment> --path <path> [options] -- <command> [arguments…]')
    .argument('<command...>', 'the command and its arguments, after --')
    .requiredOption('--env <environment>', 'the environment; there is no default')
    .requiredOption('--path <path>', 'what the parameters are below')
    .action(
      action(async (call, given: Command) => {
        const { env: environment, path: text } = given.opts<{ readonly env: string; readonly path: string }>();
        const { doors, output, typed } = call;
        const separator = typed.indexOf('--');
        if (separator === -1) {
          throw usage('the command stands after --, or its options would be taken for those of keyturn');
        }
        const [command = '', ...args] = typed.slice(separator + 1);
        if (command === '') throw usage('the command after -- is empty');
        const path = pathOf(text, 'exec');
        const variables = await withStore(call, { environment, action: 'exec', path }, async (session) => {
          const { given: injected, withheld } = await variablesBelow(path, session);
          for (const each of withheld)
            output.warn(`${environment}:${each} has no current version yet and is left out.`);
          return injected;
        });
        const isAtTerminal = doors.terminal.isTerminal(0);
        return runChild({ program: command, args, variables: { ...inherited(doors), ...variables }, isAtTerminal });
      }),
    );

async function variablesBelow(
  path: string,
  session: StoreSession,
): Promise<{ readonly given: Readonly<Record<string, string>>; readonly withheld: readonly string[] }> {
  const { environment } = session.open;
  const { found, withheld } = await session.inForce(path);
  if (found.length === 0) throw keyturnError('NO_PARAMETERS', { path, environment });
  const values: NamedValue[] = [];
  const unreadable: string[] = [];
  for (const each of found) {
    const value = await textOf(each);
    if (value === undefined) unreadable.push(`${each.path} is no UTF-8 text`);
    else values.push({ path: each.path, value });
  }
  const named = variablesOf(path, values);
  const problems = [...unreadable, ...('variables' in named ? [] : named)];
  if (!('variables' in named) || problems.length > 0) {
    throw keyturnError('VARIABLES_REFUSED', { path, problems: problems.join('; ') });
  }
  await session.gave(found);
  return { given: named.variables, withheld };
}

/** The environment of a process is text: here values leave the type that protects them, for the child alone. */
async function textOf(version: ParameterVersion): Promise<string | undefined> {
  const value = await version.open();
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(openSecret(value));
  } catch {
    return undefined;
  } finally {
    value.wipe();
  }
}

/** What the caller has, without Keyturn's own settings: they open the whole store, and the child gets a part of it. */
function inherited({ variables }: Doors): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(variables).filter(
      (each): each is [string, string] => each[1] !== undefined && !each[0].startsWith('KEYTURN_'),
    ),
  );
}

const usage = (finding: string): Error => keyturnError('USAGE', { finding, command: 'exec' });
