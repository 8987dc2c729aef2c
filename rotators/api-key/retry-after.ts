import type { RotatorContext } from 'keyturn/rotator';
import type { Answer } from './http.js';

/** How long the provider wants to be left alone, as a fact of an error: seconds or a date (RFC 9110, 10.2.3). */
export function readRetryAfter(
  { header }: Pick<Answer, 'header'>,
  { databaseTimeMs }: Pick<RotatorContext, 'databaseTimeMs'>,
): { readonly retryAfterMs?: number } {
  const text = header('retry-after')?.trim();
  if (text === undefined) return {};
  if (/^\d{1,9}$/.test(text)) return { retryAfterMs: Number(text) * 1_000 };
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? {} : { retryAfterMs: Math.max(0, atMs - databaseTimeMs) };
}
