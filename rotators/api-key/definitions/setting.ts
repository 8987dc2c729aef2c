/** A secret by reference, as `env(…)` and `file(…)` of `keyturn` make it. */
export interface SecretReference {
  readonly $ref: string;
}

/** Settings of the rotator `api-key`, for `config` of a target or a secret: plain data, secrets by reference. */
export type ApiKeySettings = { readonly [key: string]: Setting };

type Setting =
  | string
  | number
  | boolean
  | null
  | SecretReference
  | readonly Setting[]
  | { readonly [key: string]: Setting };
