import type { Command } from 'commander';
import { keyturnError } from '../../../core/errors.js';
import { numberOf } from '../../number-option.js';
import { exit } from '../../output.js';
import { bareParameterOf } from '../../parameter-argument.js';
import type { Register } from '../../program.js';
import { parameterRefused, putRefused } from '../../put-refusal.js';
import { type StoreSession, unknownParameter, withStore } from '../../store-session.js';

const command = 'store rollback';

/** `keyturn store rollback /demo/app/key --to 7 --env demo` */
export const rollback: Register = (group, action) =>
  group
    .command('rollback')
    .description('put the value of an earlier version of a plain parameter once more, as its newest version')
    .argument('<name>', 'the parameter')
    .requiredOption('--env <environment>', 'the environment it belongs to; there is no default')
    .requiredOption('--to <version>', 'the number of the earlier version')
    .action(
      action(async (call, given: Command) => {
        const { env: environment, to } = given.opts<{ readonly env: string; readonly to: string }>();
        const { path } = bareParameterOf(call.args[0] ?? '', command);
        const version = numberOf(to, { name: '--to', min: 1, max: 2 ** 31 - 1, command });
        return withStore(call, { environment, action: command, path }, async (session) => {
          if ((await session.open.managed()).has(path)) throw await managed(session, path);
          const newest = await session.newest(path);
          if (newest === null) throw unknownParameter(path, environment);
          if (newest.version === version) {
            throw keyturnError('USAGE', { finding: `version ${version} of ${path} is the newest already`, command });
          }
          const put = await putAgain(session, path, version);
          const sentence = `Version ${put} of ${environment}:${path} has the value of version ${version}.`;
          call.output.answer({ environment, path, version: put, valueOf: version }, sentence);
          return exit.done;
        });
      }),
    );

async function putAgain(session: StoreSession, path: string, version: number): Promise<number> {
  const { environment, parameters } = session.open;
  const { name, details, ...found } = await session.find({ path, name: path, selector: version });
  const value = await found.open();
  try {
    const given = { path, name, value, type: null, overwrite: true, tier: null, details, tags: null };
    const put = await parameters.put(environment, given, session.writer);
    if (typeof put === 'string') throw putRefused(put, { parameter: path, environment });
    return put.version;
  } finally {
    value.wipe();
  }
}

/** An old version of a secret under management is a credential that may be dead. */
async function managed({ open }: StoreSession, path: string): Promise<Error> {
  const rotation = await open.openRotation(path);
  const cure =
    rotation === null
      ? `No rotation of it is open that could be turned back. For another credential run: keyturn rotate ${path} --env ${open.environment} --reason "…"`
      : `Turn its rotation back: keyturn rollback ${rotation}`;
  const finding = 'it is a secret under management, and the credential of an earlier version may be dead';
  return parameterRefused({ parameter: path, environment: open.environment }, { finding, cure });
}
