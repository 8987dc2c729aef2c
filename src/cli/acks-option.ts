import type { Command } from 'commander';
import { numberOf } from './number-option.js';

/** The option that says where acks are taken. */
export function withAcksPort(command: Command, { byDefault }: { readonly byDefault: string }): Command {
  return command.option('--acks-port <port>', 'where POST /v1/acks answers; 0: any free port; off: nowhere', byDefault);
}

/** Reads it. *Returns* null for `off`. *Errors* `USAGE`. */
export function acksPort(command: Command): number | null {
  const { acksPort: port } = command.opts<{ readonly acksPort: string }>();
  if (port === 'off') return null;
  return numberOf(port, { name: '--acks-port', min: 0, max: 65_535, command: command.name() });
}
