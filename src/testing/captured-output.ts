import { format } from 'node:util';

const methods = ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir', 'table'] as const;

type Call = (...given: unknown[]) => unknown;

/**
 * Does something and is told of all that is written meanwhile: to standard output and error, by `console`, and as a
 * warning of the process. What is written still goes where it goes.
 */
export async function capturingOutput(act: () => Promise<void>, tell: (text: string) => void): Promise<void> {
  const warned = (warning: Error): void => tell(format(warning));
  const heard = (chunk: unknown): void =>
    tell(chunk instanceof Uint8Array ? Buffer.from(chunk).toString() : `${chunk as string}`);
  const restore = [
    ...[process.stdout, process.stderr].map((stream) => listening(stream, 'write', heard)),
    // A test runner may have put a console of its own in the place of Node's, which writes elsewhere.
    ...methods.map((name) => listening(globalThis.console, name, (...given) => tell(format(...given)))),
    () => process.off('warning', warned),
  ];
  process.on('warning', warned);
  try {
    await act();
  } finally {
    for (const undo of restore) undo();
  }
}

/** Is told of every call of a method. *Returns* what puts the method back as it was. */
function listening(of: object, name: string, tell: Call): () => unknown {
  const before = Object.getOwnPropertyDescriptor(of, name);
  // Both are methods of Node's that take anything.
  const method = Reflect.get(of, name) as Call;
  const value: Call = (...given) => {
    tell(...given);
    return method.apply(of, given);
  };
  Object.defineProperty(of, name, { value, configurable: true, writable: true });
  return () => (before === undefined ? Reflect.deleteProperty(of, name) : Object.defineProperty(of, name, before));
}
