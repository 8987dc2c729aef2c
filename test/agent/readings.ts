import type { Reading } from '../../src/consumer/cached-reader.js';
import type { AgentEvent, Tell } from '../../src/agent/agent-event.js';
import type { Command } from '../../src/agent/command.js';
import type { StoredParameter } from '../../src/agent/stored-parameter.js';
import { canary } from '../support/canary.mjs';

/** A credential as the store holds it, whose value can be told from all else. */
export function credentialText(username: string): string {
  return JSON.stringify({ username, password: canary() });
}

/** What a cached reader gives for it. */
export function readingOf(value: string, version: number): Reading<StoredParameter> {
  const parameter = { value, type: 'SecureString', name: '/billing/db' };
  return {
    value: { ...parameter, arn: undefined, dataType: undefined, lastModifiedMs: undefined },
    version,
  };
}

/** A command that has `PATH` and nothing else. */
export function command(words: Command['words'], { timeoutMs = 30_000 } = {}): Command {
  return { words, variables: { PATH: process.env['PATH'] ?? '' }, timeoutMs };
}

/** Everything the agent has told of. */
export function events(): { readonly tell: Tell; readonly told: readonly AgentEvent[] } {
  const told: AgentEvent[] = [];
  return { tell: (event) => void told.push(event), told };
}
