import { type KeyObject, createSecretKey, randomBytes } from 'node:crypto';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { keyturnError } from '../../core/errors.js';

/** What stands before the key, so that a later format is told apart from a damaged file. */
const HEADER = Buffer.from('keyturn-master-key v1 ');
const KEY_BYTES = 32;
/** 32 bytes in hexadecimal, and the line's end. */
const FILE_BYTES = HEADER.length + 2 * KEY_BYTES + 1;

/**
 * Makes a new master key of 32 random bytes in a file that only we can read.
 *
 * *Shape* one line, `keyturn-master-key v1 <64 hexadecimal digits>`. *Errors* `KEY_FILE_INVALID` where there is a file
 * already: overwriting a master key loses everything sealed with it.
 */
export async function createKeyFile(path: string): Promise<void> {
  const key = randomBytes(KEY_BYTES);
  const text = Buffer.concat([HEADER, hexEncode(key), Buffer.from('\n')]);
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw keyturnError(codeOf(error) === 'ENOENT' ? 'KEY_FILE_MISSING' : 'KEY_FILE_INVALID', { file: path }, error);
  } finally {
    key.fill(0);
    text.fill(0);
  }
}

/**
 * Reads a master key. The key is kept outside the JavaScript heap; what was read of the file is overwritten.
 *
 * *Errors* `KEY_FILE_MISSING`; `KEY_FILE_EXPOSED` where anybody but us could read it: a mode past 0600, or another
 * owner; `KEY_FILE_INVALID` where it is not one line as {@link createKeyFile} writes it.
 */
export async function readKeyFile(path: string): Promise<KeyObject> {
  const file = await openOwn(path);
  // One byte more than a key file has, so that a longer file is seen.
  const text = Buffer.alloc(FILE_BYTES + 1);
  const key = Buffer.alloc(KEY_BYTES);
  try {
    const { bytesRead } = await file.read(text, 0, text.length, 0);
    const line = text.subarray(0, bytesRead);
    if (!hexDecode(line, key)) throw keyturnError('KEY_FILE_INVALID', { file: path });
    return createSecretKey(key);
  } finally {
    text.fill(0);
    key.fill(0);
    await file.close();
  }
}

/** Looks at the file it has opened, not at the path: what is checked is what is read. */
async function openOwn(path: string): Promise<FileHandle> {
  const file = await open(path, 'r').catch(async (error: unknown) => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR')
      throw keyturnError('KEY_FILE_MISSING', { file: path });
    if (codeOf(error) === 'EACCES') {
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined) throw exposed(path, found);
    }
    throw keyturnError('KEY_FILE_INVALID', { file: path }, error);
  });
  try {
    const found = await file.stat();
    if (!found.isFile()) throw keyturnError('KEY_FILE_INVALID', { file: path });
    if ((found.mode & 0o777 & ~0o600) !== 0 || !isOurs(found.uid)) throw exposed(path, found);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

function exposed(path: string, { mode, uid }: { readonly mode: number; readonly uid: number }) {
  const octal = `0${(mode & 0o777).toString(8).padStart(3, '0')}`;
  return keyturnError('KEY_FILE_EXPOSED', {
    file: path,
    mode: isOurs(uid) ? octal : `${octal}, owned by user ${uid}`,
  });
}

const isOurs = (uid: number): boolean => process.geteuid === undefined || process.geteuid() === uid;

/** By hand, because `toString('hex')` would leave the key in a string nobody can overwrite. */
function hexEncode(bytes: Uint8Array): Buffer {
  const digits = Buffer.from('0123456789abcdef');
  const text = Buffer.alloc(bytes.length * 2);
  for (const [index, byte] of bytes.entries()) {
    text[2 * index] = digits[byte >> 4] ?? 0;
    text[2 * index + 1] = digits[byte & 15] ?? 0;
  }
  return text;
}

/** *Returns* false where the line is not a whole key line; the line's end may be missing. */
function hexDecode(line: Buffer, key: Buffer): boolean {
  const body = line.at(-1) === 0x0a ? line.subarray(0, -1) : line;
  if (body.length !== FILE_BYTES - 1 || !body.subarray(0, HEADER.length).equals(HEADER)) return false;
  for (let index = 0; index < KEY_BYTES; index += 1) {
    const high = digitOf(body[HEADER.length + 2 * index] ?? 0);
    const low = digitOf(body[HEADER.length + 2 * index + 1] ?? 0);
    if (high < 0 || low < 0) return false;
    key[index] = (high << 4) | low;
  }
  return true;
}

function digitOf(character: number): number {
  if (character >= 0x30 && character <= 0x39) return character - 0x30;
  if (character >= 0x61 && character <= 0x66) return character - 0x61 + 10;
  return -1;
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
