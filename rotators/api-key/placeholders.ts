import { type Secret, isSecret, keyturnError, openSecret } from 'keyturn/rotator';
import type { Sent } from './request-schema.js';

const placeholder = /\{([a-z]+(?:\.[A-Za-z0-9_-]+)?)\}/g;

/** What stands for a placeholder. */
export type Filling = Readonly<Record<string, string | Secret | undefined>>;

/** A request with everything filled in. */
export interface Filled {
  readonly method: Sent['method'];
  /** With its query, percent-encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON; undefined: no body. */
  readonly body: string | undefined;
}

/** Every placeholder in the texts of a template, at any depth. */
export function placeholdersIn(template: unknown): readonly string[] {
  if (typeof template === 'string') return [...template.matchAll(placeholder)].map((found) => found[1] ?? '');
  if (typeof template !== 'object' || template === null) return [];
  return Object.values(template).flatMap(placeholdersIn);
}

/** *Errors* `NOT_OURS` for an identity that would lead to another path; it came from outside, and is not trusted. */
export function fill(request: Sent, filling: Filling): Filled {
  const path = inText(request.path, filling, encoded);
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, text]) => [name, inText(text, filling, oneLine)]),
  );
  const body = request.body === undefined ? undefined : JSON.stringify(inBody(request.body, filling));
  return { method: request.method, path, headers, body };
}

function inBody(template: unknown, filling: Filling): unknown {
  if (typeof template === 'string') return inText(template, filling, (text) => text);
  if (Array.isArray(template)) return template.map((item) => inBody(item, filling));
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([name, item]) => [name, inBody(item, filling)]));
}

function inText(template: string, filling: Filling, encode: (text: string) => string): string {
  return template.replaceAll(placeholder, (_, name: string) => {
    const found = name === 'basic' ? basicOf(filling) : filling[name];
    // The schema has looked at the placeholders; what it cannot know is whether the list had the value.
    if (found === undefined) throw keyturnError('NOT_OURS', { identity: String(filling['identity'] ?? name) });
    return encode(isSecret(found) ? textOf(found) : found);
  });
}

/** RFC 7617, 2: a colon in the name would end it there, and the rest would be taken for the password. */
function basicOf({ identity, value }: Filling): string | undefined {
  if (typeof identity !== 'string' || !isSecret(value)) return undefined;
  if (identity.includes(':')) throw new UnfitForHeader();
  return basicPair(identity, value);
}

/** What stands after `Basic ` in a header. */
export function basicPair(username: string, password: Secret, encode = (text: string): string => text): string {
  return Buffer.from(`${username}:${encode(textOf(password))}`).toString('base64');
}

/** A path segment of dots is a way up the tree: `DELETE /keys/..` is not the deletion of a key. */
function encoded(text: string): string {
  if (text === '' || text === '.' || text === '..') throw keyturnError('NOT_OURS', { identity: text });
  return encodeURIComponent(text);
}

/** What would end the header, and begin another, is not sent. */
function oneLine(text: string): string {
  if (!isOneLine(text)) throw new UnfitForHeader();
  return text;
}

/** True for what a header can carry. */
export function isOneLine(text: string): boolean {
  return !/\p{Cc}/u.test(text);
}

/** A value that no header can carry. Its message holds nothing of it. */
export class UnfitForHeader extends TypeError {
  override readonly name = 'UnfitForHeader';
}

/** HTTP takes text; it is forgotten once the request is sent. */
export function textOf(secret: Secret): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(openSecret(secret));
}
