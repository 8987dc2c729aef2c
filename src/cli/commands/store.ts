import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { secretOf } from '../../config/plan.js';
import { parseCredential } from '../../core/credential.js';
import { isKeyturnError, keyturnError } from '../../core/errors.js';
import { Secret } from '../../core/secret.js';
import { exit } from '../output.js';
import { withProgress } from '../progress.js';
import type { Register } from '../program.js';

interface PutOptions {
  readonly env: string;
  readonly file?: string;
}

/** `keyturn store put /demo/billing/db --env demo --current < credential.json` */
export const store: Register = (program, action) => {
  const group = program.command('store').description('the parameter store');
  group
    .command('put')
    .description('put the first version of a secret, from a file or from standard input')
    .argument('<path>', 'the secret')
    .requiredOption('--env <environment>', 'the environment it belongs to; there is no default')
    .option('--file <path>', 'where the credential is; default: standard input')
    .requiredOption(
      '--current',
      'consumers read it from now on; a version that is not current is put by a rotation only',
    )
    .action(
      action(async ({ doors, where, output, args }, command: Command) => {
        const [path = ''] = args;
        const options = command.opts<PutOptions>();
        const config = await doors.config(where);
        const secret = secretOf(config, options.env, path);
        const value = new Secret(
          options.file === undefined ? await readAll(doors.terminal.stdin) : await readOwn(options.file),
        );
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
      }),
    );
  group
    .command('rewrap')
    .description('seal everything under the master key of the configuration that is still under `previous`')
    .action(
      action(async ({ doors, where, output }) => {
        const { moved, unopened } = await withProgress(output, 'rewrapping', (progress) =>
          doors.rewrap(where, { tell: (count) => progress(`rewrapped ${count}`) }),
        );
        const left = unopened.map((row) => `neither key opens ${row}`);
        const sentence = `${moved} ${moved === 1 ? 'value was' : 'values were'} sealed under the new master key.`;
        const next =
          unopened.length === 0
            ? 'Restart the workers, run this once more, and when it says 0, take `previous` out of the configuration.'
            : 'They stay as they are. Keep `previous`, and find the key they belong to.';
        output.answer({ moved, unopened }, [sentence, ...left, next].join('\n'));
        return unopened.length === 0 ? exit.done : exit.failed;
      }),
    );
  return group;
};

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
    throw keyturnError('USAGE', { finding, command: 'store put' });
  }
}

async function readAll(input: Readable): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of input) chunks.push(chunk as Uint8Array);
  return new Uint8Array(Buffer.concat(chunks));
}

async function readOwn(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch {
    throw keyturnError('USAGE', { finding: `the file ${path} cannot be read`, command: 'store put' });
  }
}
