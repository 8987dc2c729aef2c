/** What a `jsonb` column refuses: NUL characters, and halves of characters. */
const unfit = /\\u0000|\\ud[89a-f]/i;

/**
 * Writes JSON that PostgreSQL takes. A message of a target may hold characters that `jsonb` refuses, and an event that
 * can never be written would stop its rotation for good: they become U+FFFD.
 */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value);
  if (!unfit.test(text)) return text;
  return JSON.stringify(value, (_, each: unknown) => (typeof each === 'string' ? fit(each) : each));
}

function fit(text: string): string {
  return text.replace(/\u0000|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
}
