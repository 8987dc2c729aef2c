import type { Config } from '../config/config.js';

/** Tells at a start what rotators say of their configurations: risks that somebody has accepted, and may have forgotten. */
export function tellWarnings(
  { environments }: Config,
  log: { warn(facts: Readonly<Record<string, unknown>>, message: string): void },
): void {
  for (const { secrets } of Object.values(environments)) {
    for (const { id, warnings } of Object.values(secrets)) {
      for (const warning of warnings) log.warn({ secretId: id, warning }, 'a risk that the configuration accepts');
    }
  }
}
