import { Secret } from '../../src/core/secret.js';
import type { EngineRequest } from '../../src/engine/request.js';
import type { Append } from '../../src/ports/journal.js';

/** A question, for a trace. */
export function described(request: EngineRequest | null): string {
  if (request === null) return 'nothing';
  const { port, method, args, authority } = request;
  if (port === 'journal') {
    const { events, epoch } = args[0] as Append;
    return `epoch ${epoch} writes ${events.map((each) => [each.kind, nameIn(each)].filter(Boolean).join(' ')).join(', ')}`;
  }
  const [first] = args;
  return `epoch ${authority?.fence.epoch ?? 0} asks ${port}.${method} ${aboutOf(first)}`.trimEnd();
}

function aboutOf(argument: unknown): string {
  if (argument === undefined || argument instanceof Secret) return '';
  if (typeof argument !== 'object' || argument === null) return JSON.stringify(argument);
  return 'identity' in argument && typeof argument.identity === 'string' ? argument.identity : JSON.stringify(argument);
}

function nameIn(event: Append['events'][number]): string {
  if ('step' in event) return event.step;
  return 'code' in event ? event.code : 'status' in event ? event.status : '';
}

/** How it was answered, where that is not what anybody would expect. */
export function outcomeOf(answer: unknown): string {
  const kind = typeof answer === 'object' && answer !== null && 'kind' in answer ? answer.kind : 'appended';
  return kind === 'appended' ? '' : ` -> ${String(kind)}`;
}
