/** Something the agent tells of. No member holds a value. */
export type AgentEvent =
  | { readonly kind: 'written'; readonly file: string; readonly version: number }
  /** The application was told of what the file holds. */
  | { readonly kind: 'reloaded'; readonly file: string; readonly version: number }
  /** Written, told and checked. */
  | { readonly kind: 'applied'; readonly file: string; readonly version: number }
  /** It is tried again. */
  | { readonly kind: 'not-applied'; readonly file: string; readonly version: number; readonly why: string }
  /** `heldForMs` null: nothing is held in memory; a file stays as it is. */
  | {
      readonly kind: 'not-read';
      readonly name: string;
      readonly reason: string;
      readonly heldForMs: number | null;
    }
  | { readonly kind: 'proved'; readonly secret: string; readonly version: number; readonly rotation: string }
  | { readonly kind: 'tried'; readonly secret: string; readonly version: number; readonly rotation: string }
  | {
      readonly kind: 'refused';
      readonly secret: string;
      readonly version: number;
      readonly rotation: string;
      readonly why: string;
    }
  /** No proof yet: Keyturn asks again. */
  | {
      readonly kind: 'not-proved';
      readonly secret: string;
      readonly version: number;
      readonly rotation: string;
      readonly why: string;
    };

/** Told of what happens. */
export type Tell = (event: AgentEvent) => void;
