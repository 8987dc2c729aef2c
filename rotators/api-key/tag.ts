import { createHash } from 'node:crypto';

/** What a tag is made by where nothing else is said. */
export const defaultTag = 'keyturn:{secret}:{rotation}';

/** What is wrong with a template of tags; undefined: nothing. Both parts must stand there once, and apart. */
export function tagFault(template: string): string | undefined {
  const parts = template.split(/\{(?:secret|rotation)\}/);
  if (parts.length === 3 && template.includes('{secret}') && template.includes('{rotation}') && parts[1] !== '') {
    return undefined;
  }
  return 'must hold {secret} and {rotation} once each, with something between them, so that it can be read again';
}

/** Twelve hexadecimal digits that stand for a secret: providers show tags to people whom its path does not concern. */
const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('hex').slice(0, 12);

/** Writes the tag of a rotation. */
export function writeTag(
  template: string,
  { secret, rotationId }: { readonly secret: string; readonly rotationId: string },
): string {
  return template.replace('{secret}', digestOf(secret)).replace('{rotation}', () => rotationId);
}

/** What a marker field says: a tag of this secret, of another one, or nothing of ours. */
export type ReadTag =
  | { readonly kind: 'ours'; readonly rotationId: string }
  | { readonly kind: 'of another secret' }
  | { readonly kind: 'none' };

/** Reads a marker field as {@link writeTag} wrote it, to the letter. */
export function readTag(template: string, field: unknown, secret: string): ReadTag {
  if (typeof field !== 'string') return { kind: 'none' };
  const pattern = template
    .split(/(\{secret\}|\{rotation\})/)
    .map((part) => {
      if (part === '{secret}') return '(?<secret>[0-9a-f]{12})';
      if (part === '{rotation}') return '(?<rotation>[\\w-]+)';
      return part.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
    })
    .join('');
  const found = new RegExp(`^${pattern}$`).exec(field)?.groups;
  const rotationId = found?.['rotation'];
  if (rotationId === undefined) return { kind: 'none' };
  return found?.['secret'] === digestOf(secret) ? { kind: 'ours', rotationId } : { kind: 'of another secret' };
}
