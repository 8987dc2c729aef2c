/** Punctuation that means something in an expression of JavaScript, and may be escaped there. */
const syntax = '^$\\.*+?()[]{}|/';

/**
 * A pattern as AWS takes it, for `new RegExp(…, 'u')`: there any punctuation may be escaped, and here only what means
 * something. Without the flag it could be, but `\p{L}` and the like would be read as letters.
 */
export function javaScriptPattern(pattern: string): string {
  return pattern.replace(/\\([^0-9A-Za-z])/g, (escape, char: string) => {
    const code = char.charCodeAt(0);
    return syntax.includes(char) || code > 0x7f ? escape : `\\x${code.toString(16).padStart(2, '0')}`;
  });
}

/** Says whether `value` matches `pattern`. Run in a context of its own, which is where an expression can be given a time limit. */
export const matchesPattern = 'new RegExp(pattern, "u").test(value)';
