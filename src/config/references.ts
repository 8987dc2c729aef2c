import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { keyturnError } from '../core/errors.js';
import type { Json } from '../core/json.js';
import { Secret } from '../core/secret.js';

/**
 * Where a secret is to be read when it is needed: `{"$ref":"env:NAME"}` or `{"$ref":"file:path"}`.
 *
 * Plain JSON, so that a plan may hold it and a journal may show it.
 */
export interface Reference {
  readonly $ref: string;
}

/** Settings with every reference replaced by the secret it names. */
export type Resolved =
  | string
  | number
  | boolean
  | null
  | Secret
  | readonly Resolved[]
  | { readonly [key: string]: Resolved };

/** Reads the secret a reference names. *Errors* `REFERENCE_UNRESOLVED`. */
export type ReferenceResolver = (reference: string) => Promise<Secret>;

/** Names an environment variable of the worker. It is read when a rotator is opened, not when the file is loaded. */
export function env(name: string): Reference {
  return { $ref: `env:${name}` };
}

/** Names a file that holds nothing but the secret; a line break at its end is not part of it. Relative to the configuration. */
export function file(path: string): Reference {
  return { $ref: `file:${path}` };
}

/** Says what is wrong with a reference's text; `undefined` where it is well-formed. */
export function referenceFault(reference: unknown): string | undefined {
  if (typeof reference !== 'string') return 'a reference is made by env(…) or file(…)';
  if (/^env:[A-Za-z_][A-Za-z0-9_]*$/.test(reference)) return undefined;
  if (/^file:[^\0]+$/.test(reference)) return undefined;
  return 'a reference is made by env(…) with the name of a variable, or by file(…) with a path';
}

/** True for anything that means to be a reference, well-formed or not. */
export function isReference(value: unknown): value is { readonly $ref: unknown } {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, '$ref');
}

/** Puts what `replace` gives in the place of every reference, without looking anything up. */
export function replaceReferences(json: Json, replace: (reference: string) => Secret): Resolved {
  if (typeof json !== 'object' || json === null) return json;
  if (isReference(json)) return replace(String(json.$ref));
  if (isList(json)) return json.map((item) => replaceReferences(item, replace));
  return Object.fromEntries(Object.entries(json).map(([key, item]) => [key, replaceReferences(item, replace)]));
}

/**
 * Puts the secret in the place of every reference. Each reference is read once.
 *
 * *Errors* `REFERENCE_UNRESOLVED`, which names the reference and nothing of what it holds.
 */
export async function resolveReferences(json: Json, resolver: ReferenceResolver): Promise<Resolved> {
  const found = new Map<string, Secret>();
  for (const reference of referencesIn(json)) {
    if (!found.has(reference)) found.set(reference, await resolver(reference));
  }
  return replaceReferences(json, (reference) => {
    const secret = found.get(reference);
    if (secret === undefined) throw keyturnError('REFERENCE_UNRESOLVED', { reference });
    return secret;
  });
}

/** Every reference in the settings, in their order. */
export function referencesIn(json: Json): readonly string[] {
  if (typeof json !== 'object' || json === null) return [];
  if (isReference(json)) return [String(json.$ref)];
  return (isList(json) ? json : Object.values(json)).flatMap(referencesIn);
}

/** Reads references from these variables and from files below or beside the configuration's folder. */
export function referenceResolver(from: {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
}): ReferenceResolver {
  return async (reference) => {
    const secret = reference.startsWith('env:')
      ? fromVariable(from.variables[reference.slice('env:'.length)])
      : await fromFile(resolve(from.folder, reference.slice('file:'.length)));
    if (secret === undefined) throw keyturnError('REFERENCE_UNRESOLVED', { reference });
    return secret;
  };
}

function fromVariable(value: string | undefined): Secret | undefined {
  return value === undefined || value === '' ? undefined : Secret.fromText(value);
}

async function fromFile(path: string): Promise<Secret | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) return undefined;
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) end -= 1;
  if (bytes[end - 1] === 0x0d) end -= 1;
  return end === 0 ? undefined : new Secret(bytes.subarray(0, end));
}

const isList = (json: Json): json is readonly Json[] => Array.isArray(json);
