import type { SecretConfig } from '../../config/config.js';
import { environmentOf, secretOf } from '../../config/plan.js';
import { cureOf, isKeyturnError, keyturnError, sentenceOf } from '../../core/errors.js';
import type { Tagged } from '../../core/observation.js';
import type { Orphans } from '../doors.js';
import { exit } from '../output.js';
import type { Call } from '../program.js';
import { plain } from '../table.js';

/** What `keyturn doctor --orphans` is asked with. */
export interface OrphanOptions {
  readonly env?: string;
  readonly secret?: string;
  readonly destroy?: string;
  readonly reason?: string;
  readonly yes: boolean;
}

/** What was found at the target of one secret. */
interface Looked {
  readonly secret: string;
  readonly target: string;
  readonly orphans: readonly Tagged[];
  /** Why nobody could say, and what cures that; null: it was looked at. */
  readonly unseen: { readonly sentence: string; readonly cure: string } | null;
}

/**
 * `keyturn doctor --orphans`: lists what nothing explains, or destroys one of it. Exit 1 where there is an orphan, and
 * where a target could not be asked: what was not seen is not known to be well.
 */
export async function orphans(
  { doors, where, output }: Pick<Call, 'doors' | 'where' | 'output'>,
  options: OrphanOptions,
): Promise<number> {
  const wanted = options.destroy === undefined ? null : destroyable(options, options.destroy);
  const config = await doors.config(where);
  if (options.env !== undefined) environmentOf(config, options.env);
  if (options.env !== undefined && options.secret !== undefined) secretOf(config, options.env, options.secret);
  const opened = await doors.orphans(where);
  try {
    if (wanted !== null) {
      const { identity } = await opened.destroy({ ...wanted, by: doors.principal });
      output.answer({ destroyed: identity, ...wanted }, `${plain(identity)} is destroyed.`);
      return exit.done;
    }
    const looked: Looked[] = [];
    for (const { name, secrets } of Object.values(config.environments)) {
      if (options.env !== undefined && options.env !== name) continue;
      for (const secret of Object.values(secrets))
        if (options.secret === undefined || options.secret === secret.path) looked.push(await look(opened, secret));
    }
    const isWell = looked.every((each) => each.orphans.length === 0 && each.unseen === null);
    output.answer({ isWell, looked }, looked.map(textOf).join('\n'));
    return isWell ? exit.done : exit.failed;
  } finally {
    await opened.close();
  }
}

function destroyable({ env, secret, reason, yes }: OrphanOptions, identity: string) {
  const missing = Object.entries({ '--env': env, '--secret': secret, '--reason': reason, '--yes': yes || undefined })
    .filter(([, given]) => given === undefined)
    .map(([name]) => name);
  if (env === undefined || secret === undefined || reason === undefined || !yes) {
    const finding = `--destroy ${identity} ends a login for good and needs ${missing.join(', ')} beside it`;
    throw keyturnError('USAGE', { finding, command: 'doctor' });
  }
  return { environment: env, path: secret, identity, reason };
}

/** What cannot be looked at is told, so that one target that is down does not hide the next. */
async function look(opened: Orphans, secret: SecretConfig): Promise<Looked> {
  const subject = { secret: secret.id, target: secret.target };
  try {
    const seen = await opened.look(secret);
    if (seen.kind === 'looked') return { ...subject, orphans: seen.orphans, unseen: null };
    return { ...subject, orphans: [], unseen: { sentence: seen.why, cure: seen.cure } };
  } catch (error) {
    if (!isKeyturnError(error)) throw error;
    const sentence = `${error.code}: ${sentenceOf(error.code, error.facts)}`;
    return { ...subject, orphans: [], unseen: { sentence, cure: cureOf(error.code, error.facts) } };
  }
}

function textOf({ secret, target, orphans: found, unseen }: Looked): string {
  if (unseen !== null) return `?     ${secret} at target ${target}: ${unseen.sentence}\n      ${unseen.cure}`;
  if (found.length === 0) return `ok    ${secret} at target ${target}: nothing is unexplained`;
  const colon = secret.indexOf(':');
  const subject = `--env ${secret.slice(0, colon)} --secret ${secret.slice(colon + 1)}`;
  return found
    .map(({ identity, rotationId }) => {
      const tag = rotationId === null ? 'without a tag' : `made by rotation ${rotationId}`;
      return `FAIL  ${secret} at target ${target}: ${plain(identity)} is live, ${plain(tag)}, and nothing explains it
      If nobody uses it: keyturn doctor --orphans ${subject} --destroy ${quoted(identity)} --reason "…" --yes`;
    })
    .join('\n');
}

/** As one word of a shell: the identity is what a target says, and the command is there to be copied. */
function quoted(identity: string): string {
  if (/^[\w.:/@+-]+$/.test(identity) && !identity.startsWith('-')) return identity;
  return `'${plain(identity).replaceAll("'", `'\\''`)}'`;
}
