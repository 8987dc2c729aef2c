import type { Command } from 'commander';
import { isKeyturnError, keyturnError } from '../../../core/errors.js';
import {
  type ExportHeader,
  type ExportedParameter,
  parseParameters,
  splitExport,
} from '../../../core/parameter-export.js';
import { Secret, sameSecret } from '../../../core/secret.js';
import type { ParameterVersion } from '../../../ports/parameters.js';
import { exportContext } from '../../export-context.js';
import { exit } from '../../output.js';
import type { Register } from '../../program.js';
import { putRefused } from '../../put-refusal.js';
import { type StoreSession, withStore } from '../../store-session.js';
import { readOwn } from '../../value-input.js';

interface ImportOptions {
  readonly env: string;
  readonly from?: string;
  readonly overwrite: boolean;
  readonly dryRun: boolean;
}

const command = 'store import';

/** `keyturn store import app.export --env demo`, `--dry-run` */
export const importFile: Register = (group, action) =>
  group
    .command('import')
    .description('put the parameters of an export; nothing is written before all of it was found fit')
    .argument('<file>', 'what `keyturn store export` has written')
    .requiredOption('--env <environment>', 'the environment they go to; there is no default')
    .option('--from <environment>', 'the environment of the export, where that is another')
    .option('--overwrite', 'put a new version where a parameter has another value', false)
    .option('--dry-run', 'say what would be done, and do nothing', false)
    .action(
      action(async (call, given: Command) => {
        const options = given.opts<ImportOptions>();
        const [file = ''] = call.args;
        const bytes = await readOwn(file, command);
        return withStore(call, { environment: options.env, action: command, path: null }, async (session) => {
          const exported = await openExport(session, { bytes, file, from: options.from ?? options.env });
          const changes = await changesOf(session, exported, options.overwrite);
          const conflicts = changes.filter((each) => each.kind === 'conflict');
          const document = {
            environment: options.env,
            dryRun: options.dryRun,
            changes: changes.map(({ exported: { path }, kind, why }) => ({
              path,
              kind,
              ...(why === '' ? {} : { why }),
            })),
          };
          const lines = changes.map(
            ({ exported: { path }, kind, why }) => `${kind.padEnd(9)}  ${path}${why === '' ? '' : `: ${why}`}`,
          );
          if (options.dryRun) {
            await session.looked(null);
            call.output.answer(document, [...lines, 'Nothing was written.'].join('\n'));
            return conflicts.length === 0 ? exit.done : exit.failed;
          }
          if (conflicts.length > 0) {
            const problems = conflicts.map(({ exported: { path }, why }) => `${path} ${why}`).join('; ');
            throw keyturnError('IMPORT_CONFLICT', { count: conflicts.length, problems });
          }
          for (const change of changes) await make(session, change);
          call.output.answer(document, lines.join('\n'));
          return exit.done;
        });
      }),
    );

/** What an import does with one parameter. */
interface Change {
  readonly exported: ExportedParameter;
  /** `same`: there already, labels included. */
  readonly kind: 'new' | 'same' | 'changed' | 'labels' | 'conflict';
  /** Of a conflict: what is in the way. */
  readonly why: string;
  /** Its newest version now. */
  readonly version: number | null;
}

async function openExport(
  { open }: StoreSession,
  { bytes, file, from }: { readonly bytes: Uint8Array; readonly file: string; readonly from: string },
): Promise<readonly ExportedParameter[]> {
  const parts = splitExport(bytes);
  if (typeof parts === 'string') throw invalid(file, parts);
  const { header, headerBytes, sealed } = parts;
  const document = await unseal(open, { header, headerBytes, sealed }).catch((error: unknown) => {
    if (!isKeyturnError(error) || error.code !== 'KEYRING_DENIED') throw error;
    throw header.keyId === open.keyring.keyId
      ? invalid(file, 'it is damaged, or was changed')
      : keyturnError('EXPORT_INVALID', {
          file,
          finding: 'it is sealed under another master key, or damaged',
          cure: 'Import it where that master key is the one of the configuration, or its `previous`.',
        });
  });
  const exported = parseParameters(document);
  document.wipe();
  if (exported?.length !== header.parameters) throw invalid(file, 'what is in it has another form');
  if (header.environment !== from) {
    throw keyturnError('EXPORT_INVALID', {
      file,
      finding: `it is of environment ${header.environment}`,
      cure: `Import it there, or say that you mean it: --from ${header.environment}`,
    });
  }
  return exported;
}

const unseal = (
  { keyring }: StoreSession['open'],
  parts: { readonly header: ExportHeader; readonly headerBytes: Uint8Array; readonly sealed: Uint8Array },
): Promise<Secret> => keyring.open(parts.sealed, exportContext(parts.header.environment, parts.headerBytes));

const invalid = (file: string, finding: string): Error =>
  keyturnError('EXPORT_INVALID', { file, finding, cure: 'Make it anew with `keyturn store export`.' });

async function changesOf(
  session: StoreSession,
  exported: readonly ExportedParameter[],
  overwrite: boolean,
): Promise<readonly Change[]> {
  const { environment, parameters } = session.open;
  const managed = await session.open.managed();
  const asked = exported.map(({ path }) => ({ path, selector: null }));
  const found = asked.length === 0 ? [] : await parameters.read(environment, asked);
  const changes: Change[] = [];
  for (const [index, each] of exported.entries()) {
    const there = found[index];
    const now = typeof there === 'object' ? there : null;
    const conflict = (why: string): Change => ({ exported: each, kind: 'conflict', why, version: null });
    if (managed.has(each.path)) changes.push(conflict('is a secret under management here'));
    else if (now === null) changes.push({ exported: each, kind: 'new', why: '', version: null });
    else if (now.type !== each.type) changes.push(conflict(`is a ${now.type} here`));
    else changes.push(await comparedWith(session, { exported: each, now, overwrite }));
  }
  return changes;
}

async function comparedWith(
  { open }: StoreSession,
  {
    exported,
    now,
    overwrite,
  }: { readonly exported: ExportedParameter; readonly now: ParameterVersion; readonly overwrite: boolean },
): Promise<Change> {
  const [mine, theirs] = [await now.open(), Secret.fromText(exported.value)];
  const isSame = sameSecret(mine, theirs);
  mine.wipe();
  theirs.wipe();
  const { version } = now;
  const isLabelled = exported.labels.every((label) => now.labels.includes(label));
  const change = (kind: Change['kind'], why = ''): Change => ({ exported, kind, why, version });
  if (isSame && isLabelled) return change('same');
  if (!overwrite) return change('conflict', isSame ? 'has other labels here' : 'has another value here');
  if (isSame) return change('labels');
  const tags = (await open.parameters.tags(open.environment, exported.path)) ?? {};
  return tags['keyturn:immutable'] === 'true' ? change('conflict', 'is immutable here') : change('changed');
}

async function make({ open, writer }: StoreSession, { exported, kind, version }: Change): Promise<void> {
  if (kind === 'same' || kind === 'conflict') return;
  const { path, labels } = exported;
  const { environment, parameters } = open;
  let labelled = version;
  if (kind !== 'labels') {
    const { name, type, tier, details, tags } = exported;
    const value = Secret.fromText(exported.value);
    const isNew = kind === 'new';
    const put = await parameters
      .put(
        environment,
        {
          path,
          name,
          value,
          type,
          overwrite: !isNew,
          tier: isNew || tier === 'Advanced' ? tier : null,
          details,
          tags: isNew ? tags : null,
        },
        writer,
      )
      .finally(() => value.wipe());
    if (typeof put === 'string') throw putRefused(put, { parameter: path, environment });
    labelled = put.version;
  }
  if (labels.length === 0) return;
  const moved = await parameters.label(environment, { path, version: labelled, labels, remove: false }, writer);
  if (typeof moved === 'string')
    throw keyturnError('IMPORT_CONFLICT', { count: 1, problems: `${path} was changed meanwhile` });
}
