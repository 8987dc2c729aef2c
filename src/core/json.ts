/** What a step may hand on and a journal may hold: plain data, so never a `Secret`, a function or a class instance. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * Says where a value is not plain JSON.
 *
 * *Returns* the path of the first offence (`output.password`), or `undefined` where all of it is JSON. Types already
 * forbid it; this is the net under authors who write JavaScript or cast.
 */
export function findNonJson(value: unknown, path = 'output'): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : path;
    case 'object':
      break;
    default:
      return path;
  }
  if (value === null) return undefined;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const found = findNonJson(item, `${path}[${index}]`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return path;
  for (const [key, item] of Object.entries(value)) {
    const found = findNonJson(item, `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
