/**
 * Stands after the path of a secret whose bare name is for what is current alone: the parameter with all its versions.
 */
export const shadowSuffix = '.keyturn';

const maxLevels = 15;
const maxCharacters = 900;

/**
 * Says why a text is no path of a secret or another parameter; `undefined` where it is one.
 *
 * The grammar is that of AWS Systems Manager names, so that every store can hold every secret: `/prod/billing/db`,
 * ASCII letters, digits, `.`, `-` and `_`, at most 15 levels, and not beginning with `aws` or `ssm`.
 * https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
 */
export function pathFault(path: string): string | undefined {
  if (!path.startsWith('/')) return 'a path begins with /';
  if (path.length > maxCharacters) return `a path has at most ${maxCharacters} characters`;
  if (/\p{Cc}/u.test(path)) return 'a path has no control characters';
  if (path.normalize('NFC') !== path) return 'a path is in Unicode form NFC';
  if (path.includes('%')) return 'a path has no %';
  const levels = path.slice(1).split('/');
  if (levels.includes('')) return 'a path has no // and no / at its end';
  if (levels.some((level) => level === '.' || level === '..')) return 'a path has no . or .. between slashes';
  if (levels.length > maxLevels) return `a path has at most ${maxLevels} levels`;
  if (/^\/(aws|ssm)/i.test(path)) return 'a path does not begin with aws or ssm';
  if (!/^[A-Za-z0-9_./-]+$/.test(path)) return 'a path has letters, digits, . - and _ only';
  return undefined;
}
