import type { EngineRequest, Work } from '../../src/engine/request.js';

/** An answer that the port throws instead of giving. */
export class Thrown {
  constructor(readonly error: unknown) {}
}

/** Answers an executor by hand to its end. *Returns* what it came to, and what it asked. */
export function answered<Result>(
  work: Work<Result>,
  answer: (request: EngineRequest) => unknown,
): { readonly result: Result; readonly asked: readonly EngineRequest[] } {
  const asked: EngineRequest[] = [];
  let next = work.next();
  while (next.done !== true) {
    asked.push(next.value);
    const given = answer(next.value);
    next = given instanceof Thrown ? work.throw(given.error) : work.next(given);
  }
  return { result: next.value, asked };
}
