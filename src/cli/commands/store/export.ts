import type { Command } from 'commander';
import { keyturnError } from '../../../core/errors.js';
import { type ExportedParameter, renderHeader, renderParameters } from '../../../core/parameter-export.js';
import type { Secret } from '../../../core/secret.js';
import { openSecret } from '../../../core/secret.js';
import type { ParameterVersion } from '../../../ports/parameters.js';
import { exportContext } from '../../export-context.js';
import { exit } from '../../output.js';
import { pathOf } from '../../parameter-argument.js';
import { openPrivateFile } from '../../private-file.js';
import type { Register } from '../../program.js';
import { type StoreSession, withStore } from '../../store-session.js';

/** `keyturn store export --env demo --path /demo/app --out app.export` */
export const exportBelow: Register = (group, action) =>
  group
    .command('export')
    .description('write the plain parameters below a path to a file, sealed by the keyring')
    .requiredOption('--env <environment>', 'the environment; there is no default')
    .requiredOption('--path <path>', 'what the parameters are below')
    .requiredOption('--out <file>', 'a new file that only you can read (mode 0600)')
    .option('--force', 'replace the file', false)
    .action(
      action(async (call, given: Command) => {
        const options = given.opts<{
          readonly env: string;
          readonly path: string;
          readonly out: string;
          readonly force: boolean;
        }>();
        const { env: environment, out } = options;
        const path = pathOf(options.path, 'store export');
        const file = await openPrivateFile(out, options);
        try {
          return await withStore(call, { environment, action: 'store export', path }, async (session) => {
            const managed = await session.open.managed();
            const found = await session.below(path);
            const plain = found.filter((each) => !managed.has(each.path));
            if (plain.length === 0) throw keyturnError('NO_PARAMETERS', { path, environment });
            const sealed = await sealedExport(session, path, plain);
            await session.gave(plain);
            await file.keep(sealed);
            const left = found.filter((each) => managed.has(each.path)).map((each) => each.path);
            for (const each of left) call.output.warn(`${each} is a secret under management and is left out.`);
            call.output.answer(
              { environment, path, parameters: plain.map((each) => each.path), left, file: out },
              `${plain.length} parameters below ${path} are in ${out}, sealed by the keyring.`,
            );
            return exit.done;
          });
        } finally {
          await file.discard();
        }
      }),
    );

async function sealedExport(
  { open }: StoreSession,
  path: string,
  versions: readonly ParameterVersion[],
): Promise<Uint8Array> {
  const { environment, keyring } = open;
  const header = renderHeader({
    environment,
    path,
    keyId: keyring.keyId,
    atMs: Date.now(),
    parameters: versions.length,
  });
  const parameters: ExportedParameter[] = [];
  for (const version of versions) parameters.push(await exportedOf(open, version));
  const document = renderParameters(parameters);
  try {
    return Buffer.concat([header, await keyring.seal(document, exportContext(environment, header))]);
  } finally {
    document.wipe();
  }
}

async function exportedOf(
  { environment, parameters }: StoreSession['open'],
  version: ParameterVersion,
): Promise<ExportedParameter> {
  const { path, name, type, tier, labels } = version;
  const details = Object.entries(version.details).filter(
    (each): each is [string, string] => typeof each[1] === 'string',
  );
  const tags = (await parameters.tags(environment, path)) ?? {};
  const value = await version.open();
  try {
    return { path, name, type, tier, details: Object.fromEntries(details), tags, labels, value: textOf(value, path) };
  } finally {
    value.wipe();
  }
}

/** What is read by the wire protocol is text; something else was put there past every door. */
function textOf(value: Secret, parameter: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(openSecret(value));
  } catch {
    const cure = 'Put it anew, in Base64.';
    throw keyturnError('PARAMETER_REFUSED', { parameter, finding: 'its value is no UTF-8 text', cure });
  }
}
