import type { Command } from 'commander';
import { parseDuration } from '../../config/duration.js';
import { keyturnError } from '../../core/errors.js';
import type { Violation } from '../../core/history/violation.js';
import { exit } from '../output.js';
import type { Register } from '../program.js';
import { verify, whatToDo } from '../verify.js';

interface VerifyOptions {
  readonly env?: string;
  readonly since?: string;
}

/** `keyturn audit verify`, `keyturn audit verify /path --env prod --since 30d` */
export const audit: Register = (program, action) => {
  const group = program.command('audit').description('whether the journal bears out what Keyturn promises');
  group
    .command('verify')
    .description('judge every recorded rotation anew, changing nothing (exit 0: nothing was found)')
    .argument('[secret]', 'only the rotations of this secret: a path (with --env), or environment:/path')
    .option('--env <environment>', 'the environment of the path')
    .option('--since <when>', 'only rotations requested since: 30d, 12h, or a time such as 2026-11-23T14:00Z')
    .action(
      action(async ({ doors, where, output, common, args }, command: Command) => {
        const { env, since } = command.opts<VerifyOptions>();
        const secret = secretIdOf(args[0], env);
        const sinceMs = since === undefined ? undefined : momentOf(since);
        const history = await doors.history(where);
        try {
          const told: (Violation & { readonly whatToDo: string })[] = [];
          const filter = { ...(secret === undefined ? {} : { secret }), ...(sinceMs === undefined ? {} : { sinceMs }) };
          const verified = await verify(history.reader, filter, {
            workflows: history.workflows,
            tell: (violation) => {
              const cure = whatToDo(violation);
              // Only a document has to be held until its end.
              if (common.json) told.push({ ...violation, whatToDo: cure });
              else output.line(lineOf(violation, cure));
            },
          });
          const { rotations, events, violations } = verified;
          if (rotations === 0 && violations === 0 && secret !== undefined)
            throw usage(`there is no rotation of ${secret} to judge`);
          const sum = `${rotations} rotations, ${events} events, ${violations} violations.`;
          output.answer({ isClean: violations === 0, ...verified, violations: told }, sum);
          return violations === 0 ? exit.done : exit.failed;
        } finally {
          await history.close();
        }
      }),
    );
  return group;
};

function lineOf({ invariant, rotationId, seq, what }: Violation, cure: string): string {
  return `${invariant}  ${rotationId}  event ${seq}: ${what}. ${cure}`;
}

/** The configuration is not asked: what is judged may be of a secret that is no longer declared. */
function secretIdOf(secret: string | undefined, env: string | undefined): string | undefined {
  if (secret === undefined) {
    if (env !== undefined) throw usage('--env needs the path of a secret');
    return undefined;
  }
  if (!secret.startsWith('/')) return secret;
  if (env === undefined) throw usage('a path needs --env: the same path may stand in several environments');
  return `${env}:${secret}`;
}

function momentOf(since: string): number {
  const agoMs = parseDuration(since);
  const atMs = agoMs === undefined ? Date.parse(since) : Date.now() - agoMs;
  if (Number.isNaN(atMs)) throw usage('--since expects 30d, 12h, or a time such as 2026-11-23T14:00Z');
  return atMs;
}

const usage = (finding: string): Error => keyturnError('USAGE', { finding, command: 'audit verify' });
