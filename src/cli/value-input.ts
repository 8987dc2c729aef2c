import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { keyturnError } from '../core/errors.js';
import { Secret } from '../core/secret.js';

/** A value as a person gives it: the bytes of a file, or of standard input. *Errors* `USAGE` for a file that cannot be read. */
export async function readValue(
  { file, stdin }: { readonly file: string | undefined; readonly stdin: Readable },
  command: string,
): Promise<Secret> {
  return new Secret(file === undefined ? await readAll(stdin) : await readOwn(file, command));
}

async function readAll(input: Readable): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of input) chunks.push(chunk as Uint8Array);
  return new Uint8Array(Buffer.concat(chunks));
}

/** The bytes of a file that was named. *Errors* `USAGE`. */
export async function readOwn(path: string, command: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch {
    throw keyturnError('USAGE', { finding: `the file ${path} cannot be read`, command });
  }
}
