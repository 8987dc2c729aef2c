/** A rotator of somebody else's, as the configuration names it. Nothing of the package is loaded to make or check this. */
export interface Isolation {
  /** The name of an installed package, or a path that begins with `./`, `../` or `/`. */
  readonly package: string;
  /** What {@link folderIntegrity} must answer for its folder: `sha512-…`. */
  readonly integrity: string;
  /** Names of the worker's environment variables that its process is given. All others it is not. */
  readonly variables: readonly string[];
  /** Paths outside its package that it may read, where the running Node can tell. Absolute, or relative to the configuration. */
  readonly read: readonly string[];
  /** Paths outside its working folder that it may write (and read), where the running Node can tell. */
  readonly write: readonly string[];
  /** The heap of its process; the whole process may take 128 MB more. */
  readonly maxMemoryMb: number;
}
