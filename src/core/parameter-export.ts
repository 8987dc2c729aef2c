import { labelFault, nameFault } from './parameter-name.js';
import { pathFault } from './parameter-path.js';
import { Secret, openSecret } from './secret.js';

/** What an export says of itself in clear. It is authenticated with the rest. */
export interface ExportHeader {
  readonly environment: string;
  /** What the parameters are below. */
  readonly path: string;
  /** Of the master key it is sealed under. */
  readonly keyId: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** How many parameters are in it. */
  readonly parameters: number;
}

/** One parameter in an export: its newest version, with what belongs to it. */
export interface ExportedParameter {
  readonly path: string;
  /** As its first put wrote it. */
  readonly name: string;
  readonly type: 'String' | 'StringList' | 'SecureString';
  readonly tier: 'Standard' | 'Advanced';
  /** Of the newest version: description, data type and so on. */
  readonly details: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** On the newest version. */
  readonly labels: readonly string[];
  readonly value: string;
}

/** The first line of every export of this form. */
const mark = 'keyturn-export v1';

/** The largest header that is looked for. Bytes. */
const maxHeaderBytes = 8_192;

/** The two lines that stand before what is sealed. */
export function renderHeader(header: ExportHeader): Uint8Array {
  return new TextEncoder().encode(`${mark}\n${JSON.stringify(header)}\n`);
}

/** *Returns* the parts of an export, or a sentence that says why it is none. The header is not to be believed yet. */
export function splitExport(
  bytes: Uint8Array,
): { readonly header: ExportHeader; readonly headerBytes: Uint8Array; readonly sealed: Uint8Array } | string {
  const firstEnd = bytes.indexOf(10);
  const secondEnd = bytes.indexOf(10, firstEnd + 1);
  if (firstEnd === -1 || secondEnd === -1 || secondEnd > maxHeaderBytes) return 'it is no export of Keyturn';
  const [first = '', second = ''] = new TextDecoder().decode(bytes.subarray(0, secondEnd)).split('\n');
  if (first !== mark) {
    return first.startsWith('keyturn-export ')
      ? 'it is of a form this version does not know'
      : 'it is no export of Keyturn';
  }
  const header = parseHeader(second);
  if (header === undefined) return 'its header is damaged';
  const end = secondEnd + 1;
  return { header, headerBytes: bytes.subarray(0, end), sealed: bytes.subarray(end) };
}

/** The values pass through a string, as all of JSON does. */
export function renderParameters(parameters: readonly ExportedParameter[]): Secret {
  return Secret.fromText(JSON.stringify(parameters));
}

/** *Returns* undefined where it is not what {@link renderParameters} writes. */
export function parseParameters(document: Secret): readonly ExportedParameter[] | undefined {
  const parsed = parse(new TextDecoder().decode(openSecret(document)));
  return Array.isArray(parsed) && parsed.every(isParameter) ? parsed : undefined;
}

function parseHeader(text: string): ExportHeader | undefined {
  const parsed = parse(text);
  if (!isRecord(parsed)) return undefined;
  const { environment, path, keyId, atMs, parameters } = parsed;
  const isHeader =
    typeof environment === 'string' &&
    typeof path === 'string' &&
    typeof keyId === 'string' &&
    typeof atMs === 'number' &&
    typeof parameters === 'number';
  return isHeader ? { environment, path, keyId, atMs, parameters } : undefined;
}

function isParameter(each: unknown): each is ExportedParameter {
  if (!isRecord(each)) return false;
  const { path, name, type, tier, details, tags, labels, value } = each;
  return (
    typeof path === 'string' &&
    pathFault(path) === undefined &&
    typeof name === 'string' &&
    nameFault(name) === undefined &&
    ['String', 'StringList', 'SecureString'].includes(String(type)) &&
    ['Standard', 'Advanced'].includes(String(tier)) &&
    areTexts(details) &&
    areTexts(tags) &&
    Array.isArray(labels) &&
    labels.every((label) => typeof label === 'string' && labelFault(label) === undefined) &&
    typeof value === 'string'
  );
}

const areTexts = (value: unknown): value is Readonly<Record<string, string>> =>
  isRecord(value) && Object.values(value).every((each) => typeof each === 'string');

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
