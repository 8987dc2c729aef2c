import { readFile } from 'node:fs/promises';
import { platform } from 'node:process';

/** What a process may take beside its heap: Node itself, buffers, code. */
const besideHeapMb = 128;

const everyMs = 250;

/**
 * Tells when a process is larger than its heap and what stands beside it: buffers are outside the limit of the heap. Looks on
 * Linux only; elsewhere the limit of the heap is all there is. *Returns* what stops it.
 */
export function watchMemory(
  pid: number | undefined,
  maxHeapMb: number,
  onTooLarge: (finding: string) => void,
): () => void {
  if (pid === undefined || platform !== 'linux') return () => {};
  const maxMb = maxHeapMb + besideHeapMb;
  const look = async (): Promise<void> => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const residentMb = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1_024;
    if (residentMb > maxMb) onTooLarge(`it took more than the ${maxMb} MB of memory it may have`);
  };
  const timer = setInterval(() => void look(), everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
