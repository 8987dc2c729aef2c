import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { keyturnError } from '../core/errors.js';
import type { Json } from '../core/json.js';
import { pathFault } from '../core/parameter-path.js';
import { Secret } from '../core/secret.js';

/**
 * Where a secret is to be read when it is needed: `{"$ref":"env:NAME"}`, `{"$ref":"file:path"}`, or
 * `{"$ref":"store:/path#field"}` for what Keyturn rotates itself.
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

/** Reads what a reference names. *Errors* `REFERENCE_UNRESOLVED`. */
export type ReferenceResolver<Found extends Resolved = Resolved> = (reference: string) => Promise<Found>;

/** Names an environment variable of the worker. It is read when a rotator is opened, not when the file is loaded. */
export function env(name: string): Reference {
  return { $ref: `env:${name}` };
}

/** Names a file that holds nothing but the secret; a line break at its end is not part of it. Relative to the configuration. */
export function file(path: string): Reference {
  return { $ref: `file:${path}` };
}

/**
 * Names another secret of the same environment: what `current` is on, read anew for every try. With a field it is that
 * field of the credential, without one the whole: `admin: store('/admin/db')` is `{ username, password }`.
 */
export function store(path: string, field?: string): Reference {
  return { $ref: field === undefined ? `store:${path}` : `store:${path}#${field}` };
}

/** What {@link store} names; `undefined` for a reference of another kind. */
export function storedIn(reference: string): { readonly path: string; readonly field: string | null } | undefined {
  if (!reference.startsWith('store:')) return undefined;
  const [path = '', ...fields] = reference.slice('store:'.length).split('#');
  return { path, field: fields.length === 0 ? null : fields.join('#') };
}

/** Says what is wrong with a reference's text; `undefined` where it is well-formed. */
export function referenceFault(reference: unknown): string | undefined {
  if (typeof reference !== 'string') return 'a reference is made by env(…), file(…) or store(…)';
  if (/^env:[A-Za-z_][A-Za-z0-9_]*$/.test(reference)) return undefined;
  if (/^file:[^\0]+$/.test(reference)) return undefined;
  const stored = storedIn(reference);
  if (stored !== undefined) return stored.field === '' ? 'store(…) names an empty field' : pathFault(stored.path);
  return 'a reference is made by env(…) with the name of a variable, by file(…) with a path, or by store(…) with the path of a secret';
}

/** True for anything that means to be a reference, well-formed or not. */
export function isReference(value: unknown): value is { readonly $ref: unknown } {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, '$ref');
}

/** Puts what `replace` gives in the place of every reference, without looking anything up. */
export function replaceReferences(json: Json, replace: (reference: string) => Resolved): Resolved {
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
  const found = new Map<string, Resolved>();
  for (const reference of referencesIn(json)) {
    if (!found.has(reference)) found.set(reference, await resolver(reference));
  }
  return replaceReferences(json, (reference) => {
    const resolved = found.get(reference);
    if (resolved === undefined) throw keyturnError('REFERENCE_UNRESOLVED', { reference });
    return resolved;
  });
}

/** Every reference in the settings, in their order. */
export function referencesIn(json: Json): readonly string[] {
  if (typeof json !== 'object' || json === null) return [];
  if (isReference(json)) return [String(json.$ref)];
  return (isList(json) ? json : Object.values(json)).flatMap(referencesIn);
}

/** Reads references from these variables and from files below or beside the configuration's folder; of none else. */
export function referenceResolver(from: {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
}): ReferenceResolver<Secret> {
  return async (reference) => {
    const secret = reference.startsWith('env:')
      ? fromVariable(from.variables[reference.slice('env:'.length)])
      : reference.startsWith('file:')
        ? await fromFile(resolve(from.folder, reference.slice('file:'.length)))
        : undefined;
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
