import type { Credential, ErrorFacts, Json } from 'keyturn/workflow';
import { keyturnError } from 'keyturn/workflow';
import { Secret, openSecret } from 'keyturn/rotator';

const secret = Secret.fromText('value');

/** What is allowed compiles. */
export const credential: Credential = { identity: 'app', value: secret };

// @ts-expect-error a Secret is no JSON: nothing that is journaled can hold one
export const journaled: Json = { value: secret };

// @ts-expect-error a Secret is no fact of an error
export const facts: ErrorFacts = { value: secret };

// @ts-expect-error a Secret is no text
export const text: string = secret;

// @ts-expect-error the bytes of a Secret are private to it
export const bytes: unknown = secret.bytes;

// @ts-expect-error a credential holds a Secret, never the text of one
export const plain: Credential = { identity: 'app', value: 'value' };

// @ts-expect-error only a Secret can be opened
export const opened: Uint8Array = openSecret('value');

// @ts-expect-error an error's code is one of the catalogue
export const unnamed: Error = keyturnError('SOMETHING_ELSE', {});

/** An object that only looks like one has none of its private parts. */
// @ts-expect-error a look-alike is no Secret
export const alike: Secret = { wipe: () => undefined };
