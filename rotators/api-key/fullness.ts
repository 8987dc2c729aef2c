/** What to do where a provider has no room for another key. */
export const fullCure =
  'Destroy a key at the target that nobody needs (Keyturn destroys none but its own), or raise the limit there and `maximum`; then rotate again.';

/** That a provider has as many keys as it allows, and what to do. */
export function fullness(maximum: number, count: number): { readonly finding: string; readonly cure: string } {
  return { finding: `it has ${count} keys, and allows ${maximum}`, cure: fullCure };
}
