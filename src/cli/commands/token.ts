import type { Command } from 'commander';
import { environmentOf } from '../../config/plan.js';
import { keyturnError } from '../../core/errors.js';
import { type PathGrant, type Verb, grantFault, verbs } from '../../core/path-grant.js';
import { openSecret } from '../../core/secret.js';
import { numberOf } from '../number-option.js';
import { exit } from '../output.js';
import type { Register } from '../program.js';
import { plain, showTime, table } from '../table.js';

interface CreateOptions {
  readonly aws: boolean;
  readonly env: string;
  readonly path: readonly string[];
  readonly allow: string;
  readonly principal?: string;
  readonly requestsPerSecond: string;
}

/** `keyturn token create|list|revoke` */
export const token: Register = (program, action) => {
  const group = program.command('token').description('access keys for the store');
  group
    .command('create')
    .description('make an access key; its secret half is shown once, here')
    .requiredOption('--aws', 'a key pair as the tools of AWS use it, for the store (the only kind there is)')
    .requiredOption('--env <environment>', 'the environment whose parameters it is for; there is no default')
    .requiredOption(
      '--path <path...>',
      'what it is for: /prod/billing/db is one parameter, /prod/billing/* is all below; may be repeated',
    )
    .requiredOption('--allow <verbs>', `what may be done there: ${verbs.join(', ')}, with commas between`)
    .option('--principal <name>', 'who it is for, as audit rows name it; default: token:<its id>')
    .option('--requests-per-second <count>', 'beyond it the answer is ThrottlingException', '100')
    .action(
      action(async ({ doors, where, output }, command: Command) => {
        const options = command.opts<CreateOptions>();
        const wanted = wantedToken(options);
        environmentOf(await doors.config(where), wanted.environment);
        const made = await doors.makeToken(where, { ...wanted, by: doors.principal });
        const secret = new TextDecoder().decode(openSecret(made.secret));
        made.secret.wipe();
        const { keyId, environment, principal, grants, requestsPerSecond } = made;
        output.answer(
          {
            AWS_ACCESS_KEY_ID: keyId,
            AWS_SECRET_ACCESS_KEY: secret,
            environment,
            principal,
            grants,
            requestsPerSecond,
          },
          `AWS_ACCESS_KEY_ID=${keyId}\nAWS_SECRET_ACCESS_KEY=${secret}`,
        );
        if (output.isInteractive) output.warn('The secret key is not shown again.');
        return exit.done;
      }),
    );
  group
    .command('list')
    .description('every access key there was, the newest first, without secret halves')
    .action(
      action(async ({ doors, where, output }) => {
        const tokens = await doors.tokens(where);
        const rows = tokens.map((each) => [
          each.keyId,
          each.environment,
          each.principal,
          each.grants.map(({ path, allow }) => `${path} ${allow.join(',')}`).join('; '),
          `${each.requestsPerSecond}/s`,
          showTime(Date.parse(each.madeAt)),
          each.revokedAt === null ? 'in force' : `revoked ${showTime(Date.parse(each.revokedAt))}`,
        ]);
        const heading = ['KEY', 'ENVIRONMENT', 'PRINCIPAL', 'MAY', 'LIMIT', 'MADE', 'STATE'];
        output.answer(tokens, rows.length === 0 ? 'There is no access key.' : table([heading, ...rows]));
        return exit.done;
      }),
    );
  group
    .command('revoke')
    .description('end an access key; a server has forgotten it a second later')
    .argument('<id>', 'its AWS_ACCESS_KEY_ID')
    .requiredOption('--reason <text>', 'why; it stands in the audit trail')
    .action(
      action(async ({ doors, where, output, args }, command: Command) => {
        const [keyId = ''] = args;
        const { reason } = command.opts<{ readonly reason: string }>();
        if (reason.trim() === '') throw usage('--reason says why, in words', 'token revoke');
        await doors.revokeToken(where, { keyId, by: doors.principal, reason });
        output.answer({ keyId, revoked: true }, `${plain(keyId)} is revoked.`);
        return exit.done;
      }),
    );
  return group;
};

/** *Errors* `USAGE`, which names the option. */
function wantedToken({ env, path, allow, principal, requestsPerSecond }: CreateOptions): {
  readonly environment: string;
  readonly principal: string | undefined;
  readonly grants: readonly PathGrant[];
  readonly requestsPerSecond: number;
} {
  const command = 'token create';
  for (const each of path) {
    const fault = grantFault(each);
    if (fault !== undefined) throw usage(`--path ${plain(each)}: ${fault}`, command);
  }
  if (principal !== undefined && !/^[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,127}$/.test(principal)) {
    throw usage('--principal has 1 to 128 letters, digits and . _ - : @ / and begins with a letter or digit', command);
  }
  return {
    environment: env,
    principal,
    grants: [...new Set(path)].map((each) => ({ path: each, allow: verbsOf(allow, command) })),
    requestsPerSecond: numberOf(requestsPerSecond, { name: '--requests-per-second', min: 1, max: 100_000, command }),
  };
}

function verbsOf(text: string, command: string): readonly Verb[] {
  const given = text.split(',').map((each) => each.trim());
  return [
    ...new Set(
      given.map((each) => {
        const verb = verbs.find((known) => known === each);
        if (verb === undefined) throw usage(`--allow takes ${verbs.join(', ')}, with commas between`, command);
        return verb;
      }),
    ),
  ];
}

const usage = (finding: string, command: string): Error => keyturnError('USAGE', { finding, command });
