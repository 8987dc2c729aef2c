import { runInNewContext } from 'node:vm';
import { z } from 'zod';
import { javaScriptPattern, matchesPattern } from '../../core/allowed-pattern.js';
import { dataTypes, formFault } from '../../core/declared-form.js';
import { labelFault } from '../../core/parameter-name.js';
import { Secret } from '../../core/secret.js';
import type { ParameterDetails, PutRefusal } from '../../ports/parameters.js';
import { ownKeyId } from '../answer.js';
import { type Call, type Operation, managed } from '../call.js';
import { parameterName, readInput, tagList, text } from '../input.js';
import { WireError, invalid } from '../wire-error.js';
import { readPolicies } from '../policies.js';

const most = { bytes: 8_192, tags: 50 };

const putInput = z.object({
  Name: parameterName,
  Description: text(1_024).nullish(),
  Value: text(most.bytes, 1),
  Type: z.enum(['String', 'StringList', 'SecureString']).nullish(),
  KeyId: text(256, 1).nullish(),
  Overwrite: z.boolean().nullish(),
  AllowedPattern: text(1_024).nullish(),
  Tags: tagList.nullish(),
  Tier: z.enum(['Standard', 'Advanced', 'Intelligent-Tiering']).nullish(),
  Policies: text(4_096).nullish(),
  DataType: text(128).nullish(),
});

type PutInput = z.output<typeof putInput>;

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html */
export const putParameter: Operation = {
  async run(call, given) {
    const input = readInput(putInput, given);
    const { path, name } = call.plain(input.Name, 'write');
    const overwrite = input.Overwrite === true;
    const tags = tagsOf(input, overwrite);
    refuseUnfit(input);
    const details = detailsOf(input);
    const known = await detailsNow(call, path);
    refuseOtherData(input.DataType ?? known.dataType ?? 'text', input.Value);
    refuseMismatch(input.AllowedPattern ?? known.allowedPattern, input.Value);
    const value = Secret.fromText(input.Value);
    const put = await call.parameters.put(
      call.environment,
      {
        path,
        // AWS answers with the name as its first put wrote it; an ARN is only another way of writing it.
        name,
        value,
        type: input.Type ?? null,
        overwrite,
        tier: input.Tier ?? null,
        details,
        tags,
      },
      call.writer,
    );
    value.wipe();
    if (typeof put === 'string') throw refusals[put]();
    call.isRecorded = true;
    return { Tier: put.tier, Version: put.version };
  },
};

function tagsOf({ Tags }: PutInput, overwrite: boolean): Readonly<Record<string, string>> | null {
  if (Tags === null || Tags === undefined || Tags.length === 0) return null;
  if (overwrite) {
    throw invalid('Tags and Overwrite cannot be given together. Tag an existing parameter with AddTagsToResource.');
  }
  if (Tags.length > most.tags) throw new WireError('TooManyTagsError', 'A parameter has at most 50 tags.');
  return Object.fromEntries(Tags.map(({ Key, Value }) => [Key, Value]));
}

function refuseUnfit({ Value, KeyId, Type }: PutInput): void {
  if (Buffer.byteLength(Value) > most.bytes) {
    throw invalid(`The parameter value has at most ${most.bytes} bytes in the advanced tier.`);
  }
  // Not by an expression: of a value full of { it would look for the end from each of them.
  const opened = Value.indexOf('{{');
  if (opened !== -1 && Value.includes('}}', opened + 2))
    throw invalid("The parameter value can't contain a reference in {{ }}.");
  if (KeyId !== null && KeyId !== undefined) {
    if (Type !== undefined && Type !== 'SecureString') throw invalid('KeyId is for the type SecureString only.');
    if (![ownKeyId, 'alias/aws/ssm'].includes(KeyId)) {
      throw new WireError(
        'InvalidKeyId',
        `This store seals with its own keyring: leave KeyId out, or give ${ownKeyId}.`,
      );
    }
  }
}

/** Values of a declared form must have it. */
function refuseOtherData(dataType: string, value: string): void {
  if (!dataTypes.includes(dataType)) throw invalid(`The data type is one of ${dataTypes.join(', ')}.`);
  const form = formFault(value, dataType);
  if (form !== undefined) throw invalid(`The parameter value is not ${form}, as its data type says.`);
}

function detailsOf({ Description, AllowedPattern, DataType, Policies }: PutInput): ParameterDetails {
  return {
    ...(Description === null || Description === undefined ? {} : { description: Description }),
    ...(AllowedPattern === null || AllowedPattern === undefined ? {} : { allowedPattern: AllowedPattern }),
    ...(DataType === null || DataType === undefined ? {} : { dataType: DataType }),
    ...(Policies === null || Policies === undefined || Policies === '' ? {} : { policies: readPolicies(Policies) }),
  };
}

/** What the parameter was declared to be by an earlier put: it holds until a put says otherwise. */
async function detailsNow(call: Call, path: string): Promise<ParameterDetails> {
  const [found] = await call.parameters.read(call.environment, [{ path, selector: null }]);
  return typeof found === 'object' ? found.details : {};
}

function refuseMismatch(pattern: string | undefined, value: string): void {
  if (pattern === undefined || pattern === '') return;
  if (!matches(pattern, value)) {
    throw new WireError('ParameterPatternMismatchException', 'Parameter value failed to satisfy its AllowedPattern.');
  }
}

/** The longest a pattern may take. A pattern that goes back and forth for ever would stand the whole server still. Milliseconds. */
const patternTimeoutMs = 50;

/** In a context of its own, only because that is where an expression can be given a time limit. */
function matches(pattern: string, value: string): boolean {
  try {
    const given = { pattern: javaScriptPattern(pattern), value };
    const answer: unknown = runInNewContext(matchesPattern, given, { timeout: patternTimeoutMs });
    return answer === true;
  } catch {
    throw new WireError(
      'InvalidAllowedPatternException',
      'AllowedPattern is no regular expression, or takes too long on this value.',
    );
  }
}

const refusals: Readonly<Record<PutRefusal, () => WireError>> = {
  managed,
  exists: () =>
    new WireError(
      'ParameterAlreadyExists',
      'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
    ),
  type: () =>
    new WireError(
      'HierarchyTypeMismatchException',
      'The type of a parameter is given with its first version and does not change.',
    ),
  untyped: () => invalid('A parameter type is required when you create a parameter.'),
  immutable: () => invalid('The parameter is immutable: its tag keyturn:immutable is true.'),
  downgrade: () =>
    invalid(
      "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier.",
    ),
  size: () =>
    invalid(
      'Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.',
    ),
  policies: () => invalid('Policies are for the advanced-parameter tier.'),
  limit: () =>
    new WireError(
      'ParameterMaxVersionLimitExceeded',
      'The parameter has 100 versions, and the oldest has a label: move or remove that label first.',
    ),
};

const labelInput = z.object({
  Name: parameterName,
  ParameterVersion: z
    .int()
    .min(1)
    .max(2 ** 31 - 1)
    .nullish(),
  Labels: z.array(text(1_024)).min(1).max(100),
});

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_LabelParameterVersion.html */
export const labelParameterVersion: Operation = {
  async run(call, given) {
    const { Name, ParameterVersion, Labels } = readInput(labelInput, given);
    const { moved, unfit } = await moveLabels(call, { Name, Labels, version: ParameterVersion ?? null, remove: false });
    return { InvalidLabels: unfit, ParameterVersion: moved.version };
  },
};

const unlabelInput = labelInput.extend({
  ParameterVersion: z
    .int()
    .min(1)
    .max(2 ** 31 - 1),
});

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UnlabelParameterVersion.html */
export const unlabelParameterVersion: Operation = {
  async run(call, given) {
    const { Name, ParameterVersion, Labels } = readInput(unlabelInput, given);
    const { moved } = await moveLabels(call, { Name, Labels, version: ParameterVersion, remove: true });
    return {
      InvalidLabels: Labels.filter((label) => !moved.removed.includes(label)),
      RemovedLabels: moved.removed,
    };
  },
};

/** Labels that are none are told in the answer, with the others set, as on AWS. */
async function moveLabels(
  call: Call,
  {
    Name,
    Labels,
    version,
    remove,
  }: {
    readonly Name: string;
    readonly Labels: readonly string[];
    readonly version: number | null;
    readonly remove: boolean;
  },
) {
  const { path } = call.plain(Name, 'write');
  if (Labels.length > 10) throw tooManyLabels();
  const unfit = Labels.filter((label) => labelFault(label) !== undefined);
  const labels = [...new Set(Labels.filter((label) => labelFault(label) === undefined))];
  const moved = await call.parameters.label(call.environment, { path, version, labels, remove }, call.writer);
  switch (moved) {
    case 'managed':
      throw managed();
    case 'missing':
      throw new WireError('ParameterNotFound');
    case 'version':
      throw new WireError('ParameterVersionNotFound');
    case 'limit':
      throw tooManyLabels();
    default:
      call.isRecorded = true;
      return { moved, unfit };
  }
}

const tooManyLabels = (): WireError =>
  new WireError('ParameterVersionLabelLimitExceeded', 'A parameter version can have a maximum of ten labels.');
