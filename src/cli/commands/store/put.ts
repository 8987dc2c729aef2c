import { type Command, Option } from 'commander';
import { secretOf } from '../../../config/plan.js';
import { parseCredential } from '../../../core/credential.js';
import { isKeyturnError, keyturnError } from '../../../core/errors.js';
import type { Secret } from '../../../core/secret.js';
import type { ParameterTier, ParameterType, PutRefusal } from '../../../ports/parameters.js';
import { exit } from '../../output.js';
import { bareParameterOf } from '../../parameter-argument.js';
import { endsInLineBreak, valueFault } from '../../plain-value.js';
import type { Call, Register } from '../../program.js';
import { managedRefused, parameterRefused, putRefused } from '../../put-refusal.js';
import { type StoreSession, withStore } from '../../store-session.js';
import { readValue } from '../../value-input.js';

interface PutOptions {
  readonly env: string;
  readonly file?: string;
  readonly current: boolean;
  readonly type?: ParameterType;
  readonly tier?: ParameterTier;
  readonly description?: string;
  readonly overwrite: boolean;
}

const command = 'store put';

/** `keyturn store put /demo/billing/db --env demo --current < credential.json`, `keyturn store put /demo/app/key --env demo` */
export const put: Register = (group, action) =>
  group
    .command('put')
    .description('put a parameter, or the first version of a secret under management, from a file or standard input')
    .argument('<name>', 'the parameter')
    .requiredOption('--env <environment>', 'the environment it belongs to; there is no default')
    .option('--file <path>', 'where the value is, byte for byte; default: standard input')
    .option('--current', 'the first version of a secret under management; consumers read it from now on', false)
    .addOption(
      new Option('--type <type>', 'of a new parameter; default: SecureString').choices([
        'String',
        'StringList',
        'SecureString',
      ]),
    )
    .addOption(
      new Option('--tier <tier>', 'Advanced: up to 8192 bytes; there is no way back').choices(['Standard', 'Advanced']),
    )
    .option('--description <text>', 'what it is for; not secret')
    .option('--overwrite', 'put a new version of a parameter that is there', false)
    .action(
      action(async (call, given: Command) => {
        const options = given.opts<PutOptions>();
        return options.current ? putCurrent(call, options) : putPlain(call, options);
      }),
    );

async function putCurrent({ doors, where, output, args }: Call, options: PutOptions): Promise<number> {
  const [path = ''] = args;
  const { type, tier, description, overwrite } = options;
  if (type !== undefined || tier !== undefined || description !== undefined || overwrite) {
    throw usage('--type, --tier, --description and --overwrite are for plain parameters, without --current');
  }
  const config = await doors.config(where);
  const secret = secretOf(config, options.env, path);
  const value = await readValue({ file: options.file, stdin: doors.terminal.stdin }, command);
  refuseUnreadable(value, secret);
  try {
    const { version } = await doors.putFirst(where, { config, secret, value });
    output.answer(
      { secret: secret.id, version, current: true },
      `Version ${version} of ${secret.id} is stored and current.`,
    );
    return exit.done;
  } finally {
    value.wipe();
  }
}

/** The rotator must be able to read it, or no rotation ever passes preflight. */
function refuseUnreadable(
  value: Secret,
  secret: {
    readonly id: string;
    readonly rotator: { readonly credential: { readonly identity: string; readonly value: string } };
  },
): void {
  const { identity, value: field } = secret.rotator.credential;
  try {
    parseCredential(value, secret.rotator.credential, secret.id).value.wipe();
  } catch (error) {
    if (!isKeyturnError(error)) throw error;
    const finding = `what was given is not a JSON object with the texts "${identity}" and "${field}"`;
    throw keyturnError('USAGE', { finding, command });
  }
}

async function putPlain(call: Call, options: PutOptions): Promise<number> {
  const { doors, output, args } = call;
  const { path, name } = bareParameterOf(args[0] ?? '', command);
  const { env: environment, file, overwrite } = options;
  if (file === undefined && doors.terminal.isTerminal(0)) {
    throw usage('standard input is a terminal, which would show the value: give --file, or a pipe');
  }
  return withStore(call, { environment, action: command, path }, async (session) => {
    const place = { parameter: path, environment };
    // Before the value is read: whoever types it need not type in vain.
    if ((await session.open.managed()).has(path)) throw managedRefused(place);
    const value = await readValue({ file, stdin: doors.terminal.stdin }, command);
    try {
      const now = await session.newest(path);
      const fault = valueFault(value, now?.details ?? {});
      if (fault !== undefined) throw parameterRefused(place, fault);
      const answer = await putIn(session, { path, name, value, isNew: now === null, options });
      if (typeof answer === 'string') throw putRefused(answer, place);
      const { version, tier } = answer;
      if (endsInLineBreak(value)) output.warn('The value ends in a line break, which was kept: printf leaves it out.');
      const verb = overwrite && version > 1 ? 'is stored and the newest' : 'is stored';
      output.answer({ environment, path, version, tier }, `Version ${version} of ${environment}:${path} ${verb}.`);
      return exit.done;
    } finally {
      value.wipe();
    }
  });
}

async function putIn(
  { open, writer }: StoreSession,
  given: {
    readonly path: string;
    readonly name: string;
    readonly value: Secret;
    readonly isNew: boolean;
    readonly options: PutOptions;
  },
): Promise<{ readonly version: number; readonly tier: ParameterTier } | PutRefusal> {
  const { path, name, value, isNew, options } = given;
  return open.parameters.put(
    options.env,
    {
      path,
      name,
      value,
      type: options.type ?? (isNew ? 'SecureString' : null),
      overwrite: options.overwrite,
      tier: options.tier ?? null,
      details: options.description === undefined ? {} : { description: options.description },
      tags: null,
    },
    writer,
  );
}

const usage = (finding: string): Error => keyturnError('USAGE', { finding, command });
