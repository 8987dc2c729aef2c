import type { Answer } from './http.js';

/** The document of an answer, or why there is none, in words that quote nothing of it. */
export function jsonOf(answer: Answer): { readonly document: unknown } | { readonly finding: string } {
  if (answer.body === null) return { finding: answer.unread };
  const type = answer.header('content-type')?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (!/^application\/([\w.+-]+\+)?json$/.test(type)) {
    const said = /^[\w.+-]{1,40}\/[\w.+-]{1,40}$/.test(type) ? type : 'no content type';
    return { finding: `its answer is not JSON (${said})` };
  }
  if (answer.header('content-encoding') !== null) return { finding: 'its answer is encoded, which nobody asked for' };
  try {
    return { document: JSON.parse(answer.body.toString('utf8')) as unknown };
  } catch {
    // The parser's words quote what it has read.
    return { finding: 'its answer calls itself JSON and is none' };
  }
}
