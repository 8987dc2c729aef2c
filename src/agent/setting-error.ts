/** What the agent was started with cannot be used. It names the setting and the cure, never a value of a secret. */
export class AgentSettingError extends Error {
  override readonly name = 'AgentSettingError';

  constructor(
    /** As it was typed: `--file`. */
    readonly setting: string,
    readonly finding: string,
    readonly cure: string,
  ) {
    super(`${setting} cannot be used: ${finding}. ${cure}`);
  }
}

/** The code of a system error and nothing else of it: `ENOENT`. */
export const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown';
