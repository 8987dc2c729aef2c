import type { EnginePorts } from '../ports/engine-ports.js';
import type { Scope } from '../ports/step-ports.js';

/** The part of a scope that a generator knows; what carries it out adds deadline and abort signal. */
export type Authority = Omit<Scope, 'signal' | 'deadlineMs'>;

/** One question of the engine to a port, as data. */
export interface EngineRequest {
  readonly port: keyof EnginePorts;
  readonly method: string;
  readonly args: readonly unknown[];
  /** For whom it is asked. Null for the engine's own questions to journal, leases and process. */
  readonly authority: Authority | null;
}

/** What the engine's generators are: questions as data, answered one by one, ending in a result. */
export type Work<Result> = Generator<EngineRequest, Result, unknown>;

type Arguments<Member> = Member extends (...args: infer Args) => unknown ? Args : never;
type Answer<Member> = Member extends (...args: never[]) => infer Result ? Result : never;

/** Asks a port of the engine's own. Throws what the port throws. */
export function* request<
  Port extends 'journal' | 'leases' | 'process',
  Method extends keyof EnginePorts[Port] & string,
>(port: Port, method: Method, ...args: Arguments<EnginePorts[Port][Method]>): Work<Answer<EnginePorts[Port][Method]>> {
  // The one cast: what answers a request answers by the type of the member that was asked.
  return (yield { port, method, args, authority: null }) as Answer<EnginePorts[Port][Method]>;
}
