import type { Credential, CredentialFields } from '../core/credential.js';
import type { Json } from '../core/json.js';
import { Secret } from '../core/secret.js';
import { type Resolved, referencesIn, replaceReferences, storedIn } from './references.js';

/** How the credential of a secret is written, by its path; undefined where there is no such secret, or that is not known yet. */
export type FieldsOf = (path: string) => CredentialFields | undefined;

/** What stands in the place of what is not known yet. */
const stand = 'stands-for-a-reference';

/** Settings as a rotator is shown them at start, with something in the place of every reference. */
export function shownConfig(config: Json, fieldsOf: FieldsOf): Resolved {
  return replaceReferences(config, (reference) => {
    const value = Secret.fromText(stand);
    const stored = storedIn(reference);
    const fields = stored === undefined ? undefined : fieldsOf(stored.path);
    if (stored === undefined || fields === undefined) return value;
    return asReferred({ identity: stand, value }, fields, stored.field);
  });
}

/** A credential as `store(…)` gives it: the whole of it, or one field. The identity is public, and so it is text. */
export function asReferred(credential: Credential, fields: CredentialFields, field: string | null): Resolved {
  if (field === fields.identity) return credential.identity;
  if (field === fields.value) return credential.value;
  return { [fields.identity]: credential.identity, [fields.value]: credential.value };
}

/** Says what is wrong with the references to other secrets in a secret's settings, a sentence each. */
export function storedFaults(config: Json, fieldsOf: FieldsOf): readonly string[] {
  return storedReferences(config).flatMap((reference) => referenceFault(reference, fieldsOf) ?? []);
}

/** Says what is wrong where a target is opened with the very secret that lives on it, a sentence each. */
export function selfManagedFaults(secret: {
  readonly path: string;
  readonly config: { readonly [key: string]: Json };
  readonly overlap: string;
}): readonly string[] {
  const isOwn = storedReferences(secret.config).some(({ path }) => path === secret.path);
  const isSelfManaged = secret.config['selfManaged'] === true;
  const faults: string[] = [];
  if (isOwn && secret.overlap !== 'two-live')
    faults.push('its target is opened with this very secret, and must never have one admin credential only: two-live');
  if (isOwn && !isSelfManaged)
    faults.push(
      'its target is opened with this very secret; accept that with selfManaged: true, where the rotator knows it',
    );
  if (isSelfManaged && !isOwn)
    faults.push(`selfManaged is for a target that is opened with this very secret: admin: store('${secret.path}')`);
  return faults;
}

/** Says why a key cannot be what a reference names; undefined where it can: it must be one value. */
export function keyFault(reference: string, fieldsOf: FieldsOf): string | undefined {
  const stored = storedIn(reference);
  if (stored === undefined) return undefined;
  const fault = referenceFault(stored, fieldsOf);
  if (fault !== undefined) return fault;
  const field = fieldsOf(stored.path)?.value ?? '';
  return stored.field === field ? undefined : `a key is one value: store('${stored.path}', '${field}')`;
}

const storedReferences = (config: Json) => referencesIn(config).flatMap((reference) => storedIn(reference) ?? []);

function referenceFault(
  { path, field }: { readonly path: string; readonly field: string | null },
  fieldsOf: FieldsOf,
): string | undefined {
  const fields = fieldsOf(path);
  if (fields === undefined) return `store('${path}'): there is no such secret in this environment`;
  if (field === null || field === fields.identity || field === fields.value) return undefined;
  return `store('${path}', '${field}'): its fields are ${fields.identity} and ${fields.value}`;
}
