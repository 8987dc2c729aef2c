import type { Command } from 'commander';
import { keyturnError } from '../../../core/errors.js';
import { labelFault } from '../../../core/parameter-name.js';
import { exit } from '../../output.js';
import { bareParameterOf, parameterOf } from '../../parameter-argument.js';
import type { Register } from '../../program.js';
import { managedRefused, parameterRefused } from '../../put-refusal.js';
import { unknownParameter, unknownVersion, withStore } from '../../store-session.js';

/** Rotations alone move these, on whatever parameter: readers take them for their promise. */
const rotationLabels = ['pending', 'current', 'previous'];

/** `keyturn store label /demo/app/key:7 live --env demo`, `--remove` */
export const label: Register = (group, action) =>
  group
    .command('label')
    .description('put a label on a version of a parameter, from wherever it is, or take it off')
    .argument('<name:version>', 'the version: /path:7')
    .argument('<label>', 'the label; pending, current and previous belong to rotations')
    .requiredOption('--env <environment>', 'the environment it belongs to; there is no default')
    .option('--remove', 'take it off', false)
    .action(
      action(async (call, given: Command) => {
        const { env: environment, remove } = given.opts<{ readonly env: string; readonly remove: boolean }>();
        const { path, selector: version } = parameterOf(call.args[0] ?? '', 'store label');
        if (typeof version !== 'number') throw usage('the name must say which version by its number: /path:7');
        const wanted = call.args[1] ?? '';
        const fault = labelFault(wanted);
        if (fault !== undefined) throw usage(`the label ${JSON.stringify(wanted)} is none: ${fault}`);
        const place = { parameter: path, environment };
        return withStore(call, { environment, action: 'store label', path }, async ({ open, writer }) => {
          if (rotationLabels.includes(wanted)) {
            throw parameterRefused(place, {
              finding: `rotations alone move the label ${wanted}`,
              cure: 'Choose another label.',
            });
          }
          const moved = await open.parameters.label(environment, { path, version, labels: [wanted], remove }, writer);
          if (moved === 'managed') throw managedRefused(place);
          if (moved === 'missing') throw unknownParameter(path, environment);
          if (moved === 'version') throw unknownVersion(path, { environment, selector: version });
          if (moved === 'limit') {
            throw parameterRefused(place, {
              finding: `version ${version} has ten labels already`,
              cure: 'Take one off it with --remove.',
            });
          }
          if (remove && moved.removed.length === 0) {
            throw parameterRefused(place, {
              finding: `the label ${wanted} is not on version ${version}`,
              cure: `See which version has it: keyturn store history ${path} --env ${environment}`,
            });
          }
          const sentence = `The label ${wanted} is ${remove ? 'off' : 'on'} version ${version} of ${environment}:${path}.`;
          call.output.answer({ environment, path, version, label: wanted, removed: remove }, sentence);
          return exit.done;
        });
      }),
    );

const usage = (finding: string): Error => keyturnError('USAGE', { finding, command: 'store label' });

/** `keyturn store delete /demo/app/key --env demo` */
export const remove: Register = (group, action) =>
  group
    .command('delete')
    .description('delete a parameter with all its versions; there is no way back')
    .argument('<name>', 'the parameter')
    .requiredOption('--env <environment>', 'the environment it belongs to; there is no default')
    .action(
      action(async (call, given: Command) => {
        const { env: environment } = given.opts<{ readonly env: string }>();
        const { path } = bareParameterOf(call.args[0] ?? '', 'store delete');
        const place = { parameter: path, environment };
        return withStore(call, { environment, action: 'store delete', path }, async ({ open, writer }) => {
          const outcome = await open.parameters.delete(environment, path, writer);
          switch (outcome) {
            case 'done':
              call.output.answer({ environment, path, deleted: true }, `${environment}:${path} is deleted.`);
              return exit.done;
            case 'missing':
              throw unknownParameter(path, environment);
            case 'managed':
              throw parameterRefused(place, {
                finding: 'it is a secret under management',
                cure: 'Take it out of the configuration first, start the workers with that, and let its open rotation end.',
              });
            case 'protected':
              throw parameterRefused(place, {
                finding: 'its tag keyturn:protected or keyturn:immutable is true',
                cure: 'It was made to stay.',
              });
            default:
              return outcome satisfies never;
          }
        });
      }),
    );
