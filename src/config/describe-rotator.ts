import { z } from 'zod';
import type { Rotator } from '../contract/rotator.js';
import type { Capabilities } from '../core/capabilities.js';
import { Secret } from '../core/secret.js';

/** One setting of a rotator's configuration. */
export interface DescribedField {
  /** `endpoints[].host` where it stands inside another one. */
  readonly name: string;
  /** `string`, `'a' | 'b'`, `secret`, … as far as the schema tells. */
  readonly type: string;
  readonly isRequired: boolean;
  /** In JSON; null: there is none. */
  readonly defaultValue: string | null;
  /** What the schema says of it; null: nothing. */
  readonly description: string | null;
}

/** One way to configure a rotator; most have only one. */
export interface DescribedForm {
  /** What tells it from the others: `mode: "in-place"`; null: it is the only one. */
  readonly where: string | null;
  readonly fields: readonly DescribedField[];
  /** With the defaults of this form; null: what it can do depends on more than its defaults. */
  readonly capabilities: Capabilities | null;
}

/** What a rotator declares, without connecting it. Plain data. */
export interface DescribedRotator {
  readonly name: string;
  readonly contract: number;
  /** The two fields of the document that consumers read. */
  readonly credential: { readonly identity: string; readonly value: string };
  /** Empty: the schema is of a kind that cannot be described. */
  readonly forms: readonly DescribedForm[];
}

/** The slice of a JSON Schema that is read here. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

/** In the place of a type, which JSON Schema has none of. */
const SECRET = 'secret';

/** Says what a rotator declares: from its schema and by asking it, never by connecting it. */
export function describeRotator(rotator: Rotator): DescribedRotator {
  const { name, contract, credential } = rotator;
  const schema = schemaOf(rotator);
  return {
    name,
    contract,
    credential: { identity: credential.identity, value: credential.value },
    forms: (alternativesOf(schema) ?? [schema]).map((form) => ({
      where: whereOf(form),
      fields: fieldsOf(form, ''),
      capabilities: capabilitiesOf(rotator, form),
    })),
  };
}

function schemaOf(rotator: Rotator): Schema {
  try {
    return z.toJSONSchema(rotator.config, {
      io: 'input',
      unrepresentable: 'any',
      override: ({ zodSchema, jsonSchema }) => {
        // Not a type of JSON Schema: it is read by the lines below and by nobody else.
        if (takesSecrets(zodSchema)) jsonSchema.type = SECRET as 'string';
      },
    }) as Schema;
  } catch {
    return {};
  }
}

/** Told by what it does: a rotator may have another copy of `secretSchema` than this one. */
function takesSecrets(schema: unknown): boolean {
  if (!(schema instanceof z.ZodCustom)) return false;
  return schema.safeParse(Secret.fromText('any')).success && !schema.safeParse('any').success;
}

const alternativesOf = ({ anyOf, oneOf }: Schema): readonly Schema[] | undefined => oneOf ?? anyOf;

/** The fields that can have one value only are what tells this form from the others. */
function whereOf({ properties = {} }: Schema): string | null {
  const fixed = Object.entries(properties).filter(([, field]) => field.const !== undefined);
  return fixed.length === 0 ? null : fixed.map(([name, field]) => `${name}: ${JSON.stringify(field.const)}`).join(', ');
}

function fieldsOf({ properties = {}, required = [] }: Schema, prefix: string): readonly DescribedField[] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    const name = `${prefix}${key}`;
    const field: DescribedField = {
      name,
      type: typeOf(schema),
      isRequired: required.includes(key),
      defaultValue: schema.default === undefined ? null : JSON.stringify(schema.default),
      description: schema.description ?? null,
    };
    const isList = schema.items?.properties !== undefined;
    return [field, ...fieldsOf(isList ? (schema.items ?? {}) : schema, isList ? `${name}[].` : `${name}.`)];
  });
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((each) => JSON.stringify(each)).join(' | ');
  const alternatives = alternativesOf(schema);
  if (alternatives !== undefined) return [...new Set(alternatives.map(typeOf))].join(' | ');
  if (schema.prefixItems !== undefined) return `[${schema.prefixItems.map(typeOf).join(', ')}]`;
  if (schema.type === 'array') return schema.items === undefined ? 'list' : `list of ${typeOf(schema.items)}`;
  return schema.type === undefined ? 'any' : [schema.type].flat().join(' | ');
}

function capabilitiesOf(rotator: Rotator, { properties = {} }: Schema): Capabilities | null {
  const config = Object.fromEntries(
    Object.entries(properties).map(([name, field]) => [name, field.const ?? field.default]),
  );
  try {
    return rotator.capabilities(config);
  } catch {
    return null;
  }
}
