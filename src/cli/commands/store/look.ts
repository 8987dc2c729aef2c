import type { Command } from 'commander';
import { exit } from '../../output.js';
import { bareParameterOf, pathOf } from '../../parameter-argument.js';
import type { Register } from '../../program.js';
import { withStore } from '../../store-session.js';
import { showTime, table } from '../../table.js';

/** `keyturn store list --env demo --path /demo/billing` */
export const list: Register = (group, action) =>
  group
    .command('list')
    .description('every parameter below a path, without a value')
    .requiredOption('--env <environment>', 'the environment; there is no default')
    .option('--path <path>', 'what they are below', '/')
    .action(
      action(async (call, given: Command) => {
        const { env: environment, path: text } = given.opts<{ readonly env: string; readonly path: string }>();
        const path = pathOf(text, 'store list');
        return withStore(call, { environment, action: 'store list', path: null }, async (session) => {
          const managed = await session.open.managed();
          const found = await session.below(path);
          await session.looked(null);
          const parameters = found.map((each) => ({
            path: each.path,
            type: each.type,
            tier: each.tier,
            version: each.version,
            labels: each.labels,
            isManaged: managed.has(each.path),
            description: each.details.description ?? null,
            changedAtMs: each.atMs,
            changedBy: each.putBy,
          }));
          const rows = parameters.map(({ path: name, type, version, isManaged, changedAtMs, changedBy }) => [
            name,
            isManaged ? 'secret' : type,
            `${version}`,
            showTime(changedAtMs),
            changedBy,
          ]);
          const text =
            rows.length === 0
              ? `There is no parameter below ${path}.`
              : table([['PARAMETER', 'TYPE', 'NEWEST', 'CHANGED', 'BY'], ...rows]);
          call.output.answer({ environment, path, parameters }, text);
          return exit.done;
        });
      }),
    );

/** `keyturn store history /demo/app/key --env demo` */
export const history: Register = (group, action) =>
  group
    .command('history')
    .description('the versions of a parameter that are kept, with their labels and without a value')
    .argument('<name>', 'the parameter')
    .requiredOption('--env <environment>', 'the environment it belongs to; there is no default')
    .action(
      action(async (call, given: Command) => {
        const { env: environment } = given.opts<{ readonly env: string }>();
        const { path } = bareParameterOf(call.args[0] ?? '', 'store history');
        return withStore(call, { environment, action: 'store history', path }, async (session) => {
          const found = await session.history(path);
          await session.looked(path);
          const versions = found.map(({ version, labels, type, tier, details, atMs, putBy }) => ({
            version,
            labels,
            type,
            tier,
            description: details.description ?? null,
            atMs,
            by: putBy,
          }));
          const rows = versions.map(({ version, labels, atMs, by }) => [
            `${version}`,
            labels.join(' ') || '–',
            showTime(atMs),
            by,
          ]);
          call.output.answer({ environment, path, versions }, table([['VERSION', 'LABELS', 'PUT', 'BY'], ...rows]));
          return exit.done;
        });
      }),
    );
