import type { NameFilter, ParameterFilter } from '../../../ports/parameters.js';

/** A part of a WHERE clause, over `p` (the parameter) and `v` (its version), and what its `$4`, `$5`, … stand for. */
export interface Conditions {
  readonly where: string;
  readonly values: readonly unknown[];
}

/** `$1` to `$3` are the statement's own. Nothing of a filter ever becomes SQL: it is bound. */
export function conditionsOf(filter: ParameterFilter): Conditions {
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value) + 3}`;
  const conditions = [`p.path ~ ANY (${bind(filter.visible)}::text[])`];
  const { below, name, type, tier, dataType, tags = [] } = filter;
  if (below !== undefined) conditions.push(...belowConditions(below, bind));
  if (name !== undefined) conditions.push(nameCondition(name, bind));
  if (type !== undefined) conditions.push(`p.type = ANY (${bind(type)}::text[])`);
  if (tier !== undefined) conditions.push(`coalesce(v.details ->> 'tier', 'Standard') = ANY (${bind(tier)}::text[])`);
  if (dataType !== undefined) {
    conditions.push(`coalesce(v.details ->> 'dataType', 'text') = ANY (${bind(dataType)}::text[])`);
  }
  for (const { key, values: wanted } of tags) {
    const tag = `p.tags ->> ${bind(key)}`;
    conditions.push(wanted === null ? `${tag} IS NOT NULL` : `${tag} = ANY (${bind(wanted)}::text[])`);
  }
  return { where: conditions.join(' AND '), values };
}

/** As a range of the index: in the C collation `0` is what comes next after `/`. */
function belowConditions(
  { path, recursive }: { readonly path: string; readonly recursive: boolean },
  bind: (value: unknown) => string,
): readonly string[] {
  const prefix = path === '/' ? '/' : `${path}/`;
  const start = bind(prefix);
  const conditions = [`p.path > ${start} AND p.path < ${bind(`${prefix.slice(0, -1)}0`)}`];
  if (!recursive) conditions.push(`strpos(substr(p.path, length(${start}) + 1), '/') = 0`);
  return conditions;
}

function nameCondition({ option, values }: NameFilter, bind: (value: unknown) => string): string {
  const wanted = bind(values);
  switch (option) {
    case 'Equals':
      return `p.name = ANY (${wanted}::text[])`;
    case 'BeginsWith':
      return `EXISTS (SELECT FROM unnest(${wanted}::text[]) AS each WHERE starts_with(p.name, each))`;
    case 'Contains':
      return `EXISTS (SELECT FROM unnest(${wanted}::text[]) AS each WHERE strpos(p.name, each) > 0)`;
    default:
      return option satisfies never;
  }
}
