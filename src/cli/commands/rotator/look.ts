import {
  type DescribedField,
  type DescribedForm,
  type DescribedRotator,
  describeRotator,
} from '../../../config/describe-rotator.js';
import { shippedRotators } from '../../../config/own-doors.js';
import { loadRotator } from '../../../config/load-rotator.js';
import { exit } from '../../output.js';
import type { Register } from '../../program.js';
import { rotatorPurposes } from '../../rotator-purposes.js';
import { plain, table } from '../../table.js';

/** `keyturn rotator list` */
export const list: Register = (group, action) =>
  group
    .command('list')
    .description('the rotators that come with Keyturn, and what each is for')
    .action(
      action(async ({ output }) => {
        const names = [...shippedRotators().keys()];
        const rotators = await Promise.all(
          names.map(async (folder) => {
            const { name, contract } = (await loadRotator(folder)).rotator;
            const purpose = rotatorPurposes[folder] ?? '';
            return { name, contract, import: `keyturn/rotators/${folder}`, purpose };
          }),
        );
        const rows = rotators.map((each) => [each.name, String(each.contract), each.import, each.purpose]);
        output.answer({ rotators }, table([['name', 'contract', 'import', 'what for'], ...rows]));
        return exit.done;
      }),
    );

/** `keyturn rotator describe postgres`, `keyturn rotator describe ./my-rotator` */
export const describe: Register = (group, action) =>
  group
    .command('describe')
    .description('what a rotator declares: its settings, what it can do, and the document that consumers read')
    .argument('<rotator>', 'the name of one that is shipped, or the path of a module or package')
    .action(
      action(async ({ output, args: [nameOrPath = ''] }) => {
        const { rotator, file } = await loadRotator(nameOrPath);
        const described = describeRotator(rotator);
        output.answer({ file, ...described }, textOf(described));
        return exit.done;
      }),
    );

function textOf({ name, contract, credential, forms }: DescribedRotator): string {
  return [
    `rotator ${plain(name)}, contract ${contract}`,
    `consumers read {"${plain(credential.identity)}": …, "${plain(credential.value)}": …}`,
    ...forms.map(formText),
  ].join('\n');
}

function formText({ where, fields, capabilities }: DescribedForm): string {
  const can =
    capabilities === null
      ? 'what it can do depends on its configuration'
      : Object.entries(capabilities)
          .map(([capability, value]) => `${capability}: ${JSON.stringify(value)}`)
          .join(', ');
  const rows = fields.map((field) => [field.name, field.type, neededText(field), field.description ?? '']);
  const settings =
    fields.length === 0
      ? 'its schema does not tell its settings'
      : table([['setting', 'type', 'needed', 'what it is'], ...rows]);
  return ['', ...(where === null ? [] : [`with ${plain(where)}`]), plain(can), settings].join('\n');
}

function neededText({ isRequired, defaultValue }: DescribedField): string {
  if (defaultValue !== null) return `default ${defaultValue}`;
  return isRequired ? 'required' : 'optional';
}
