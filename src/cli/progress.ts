import { Listr } from 'listr2';
import type { Output } from './output.js';

/**
 * Does something long under a title, with a line below it that says what is being done now. Where no person is looking
 * it is done without a word.
 */
export async function withProgress<T>(
  output: Output,
  title: string,
  work: (say: (doing: string) => void) => Promise<T>,
): Promise<T> {
  if (!output.isInteractive) return work(() => {});
  let result: { readonly value: T } | undefined;
  const list = new Listr(
    [
      {
        title,
        task: async (_, task) => {
          result = {
            value: await work((doing) => {
              task.output = doing;
            }),
          };
        },
      },
    ],
    // The error is told once, by the command.
    { renderer: 'default', rendererOptions: { showErrorMessage: false }, registerSignalListeners: false },
  );
  await list.run();
  if (result === undefined) throw new TypeError(`${title} ended without a result`);
  return result.value;
}
