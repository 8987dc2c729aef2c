import { z } from 'zod';
import { pathFault } from '../core/parameter-path.js';
import type { ParameterFilter } from '../ports/parameters.js';
import { ownKeyId } from './answer.js';
import { readInput, text } from './input.js';
import { WireError, invalid } from './wire-error.js';

const filters = z
  .array(
    z.object({ Key: text(132, 1), Option: text(10, 1).nullish(), Values: z.array(text(1024, 1)).max(50).nullish() }),
  )
  .max(50)
  .nullish();

const oldFilters = z
  .array(z.object({ Key: text(64, 1), Values: z.array(text(1024, 1)).min(1).max(50) }))
  .max(50)
  .nullish();

interface Filter {
  readonly Key: string;
  readonly Option?: string | null | undefined;
  readonly Values?: readonly string[] | null | undefined;
}

/** The filters of GetParametersByPath: `Type`, `KeyId` and `Label`, each once. *Errors* as {@link describeFilter}. */
export const pathFilter = filters.transform((given): Partial<ParameterFilter> => {
  const read = onceEach(given ?? []);
  for (const filter of read) refuseUnfit(filter, ofPath);
  return { ...typeFilter(read), ...labelFilter(read) };
});

/**
 * The filters of DescribeParameters, of either generation. A key that is repeated is refused, as on AWS.
 *
 * *Errors* `ValidationException`, `InvalidFilterKey`, `InvalidFilterOption`, `InvalidFilterValue`.
 */
export function describeFilter(input: {
  readonly Filters?: unknown;
  readonly ParameterFilters?: unknown;
}): Partial<ParameterFilter> {
  const { Filters, ParameterFilters } = readInput(z.object({ Filters: oldFilters, ParameterFilters: filters }), input);
  const old = Filters ?? [];
  const given = ParameterFilters ?? [];
  if (old.length > 0 && given.length > 0) throw invalid('Give either Filters or ParameterFilters, not both.');
  const asGiven: readonly Filter[] = old.map((filter) => ({
    ...filter,
    Option: filter.Key === 'Name' ? 'BeginsWith' : 'Equals',
  }));
  const read = onceEach([...asGiven, ...given]);
  for (const filter of read) refuseUnfit(filter, ofDescribe);
  return {
    ...nameFilter(read),
    ...pathOf(read),
    ...typeFilter(read),
    ...valuesOf(read, 'Tier', 'tier'),
    ...valuesOf(read, 'DataType', 'dataType'),
    tags: read
      .filter(({ Key }) => Key.startsWith('tag:'))
      .map(({ Key, Values }) => ({ key: Key.slice(4), values: Values?.length ? Values : null })),
  };
}

function onceEach(given: readonly Filter[]): readonly Filter[] {
  const keys = given.map(({ Key }) => Key);
  if (new Set(keys).size < keys.length) throw invalid('The following filter key is duplicated in the request.');
  return given;
}

/** By the key of a filter, the options it may have. */
type Options = Readonly<Record<string, readonly string[]>>;

const ofPath: Options = { Type: ['Equals', 'BeginsWith'], KeyId: ['Equals', 'BeginsWith'], Label: ['Equals'] };

const ofDescribe: Options = {
  Name: ['Equals', 'BeginsWith', 'Contains'],
  Path: ['Recursive', 'OneLevel'],
  Type: ['Equals', 'BeginsWith'],
  KeyId: ['Equals', 'BeginsWith'],
  Tier: ['Equals'],
  DataType: ['Equals'],
};

const types = ['String', 'StringList', 'SecureString'];

/** What there is of a kind. Of a filter that is not named here any value may be asked for. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  Type: types,
  Tier: ['Standard', 'Advanced', 'Intelligent-Tiering'],
};

function refuseUnfit({ Key, Option, Values }: Filter, options: Options): void {
  if (options === ofDescribe && Key.startsWith('tag:')) {
    if (![undefined, null, 'Equals'].includes(Option)) throw wrongOption();
    return;
  }
  const known = Object.hasOwn(options, Key) ? options[Key] : undefined;
  if (known === undefined) throw new WireError('InvalidFilterKey', 'The specified key is not valid.');
  if (Option !== undefined && Option !== null && !known.includes(Option)) throw wrongOption();
  if (!Values?.length) throw new WireError('InvalidFilterValue', `The filter ${Key} has no values.`);
  const possible = Object.hasOwn(kinds, Key) && Option !== 'BeginsWith' ? kinds[Key] : undefined;
  if (possible !== undefined && !Values.every((each) => possible.includes(each)))
    throw new WireError('InvalidFilterValue', `A value of the filter ${Key} is not one of ${possible.join(', ')}.`);
}

const wrongOption = (): WireError => new WireError('InvalidFilterOption', 'The specified filter option is not valid.');

const valueOf = (read: readonly Filter[], key: string): Filter | undefined => read.find(({ Key }) => Key === key);

function nameFilter(read: readonly Filter[]): Partial<ParameterFilter> {
  const filter = valueOf(read, 'Name');
  if (filter === undefined) return {};
  const option = filter.Option === 'BeginsWith' || filter.Option === 'Contains' ? filter.Option : 'Equals';
  return { name: { option, values: filter.Values ?? [] } };
}

function pathOf(read: readonly Filter[]): Partial<ParameterFilter> {
  const filter = valueOf(read, 'Path');
  if (filter === undefined) return {};
  const [given = '', ...more] = filter.Values ?? [];
  const path = given === '/' ? '/' : given.replace(/\/$/, '');
  if (more.length > 0 || (path !== '/' && pathFault(path) !== undefined)) {
    throw new WireError('InvalidFilterValue', 'The filter Path takes one path.');
  }
  return { below: { path, recursive: filter.Option === 'Recursive' } };
}

function typeFilter(read: readonly Filter[]): Partial<ParameterFilter> {
  const filter = valueOf(read, 'Type');
  if (filter === undefined) return keyFilter(read);
  const wanted = filter.Values ?? [];
  const matches = (type: string): boolean =>
    wanted.some((each) => (filter.Option === 'BeginsWith' ? type.startsWith(each) : type === each));
  const sealed = keyFilter(read).type ?? types;
  return { type: sealed.filter(matches) };
}

/** One key seals everything here: to ask for it is to ask for every SecureString. */
function keyFilter(read: readonly Filter[]): Partial<ParameterFilter> {
  const filter = valueOf(read, 'KeyId');
  if (filter === undefined) return {};
  const isOurs = (filter.Values ?? []).some((each) =>
    filter.Option === 'BeginsWith' ? ownKeyId.startsWith(each) : ownKeyId === each,
  );
  return { type: isOurs ? ['SecureString'] : [] };
}

function labelFilter(read: readonly Filter[]): Partial<ParameterFilter> {
  const filter = valueOf(read, 'Label');
  return filter === undefined ? {} : { label: filter.Values ?? [] };
}

function valuesOf(read: readonly Filter[], key: string, as: 'tier' | 'dataType'): Partial<ParameterFilter> {
  const filter = valueOf(read, key);
  return filter === undefined ? {} : { [as]: filter.Values ?? [] };
}
