/** How a version says which rotation has put it. It stands in the description, which consumers do not parse. */
export interface Mark {
  readonly rotationId: string;
  /** Of the value it was put with: a description outlives its value where somebody else puts without one. */
  readonly digest: string;
}

/** Characters of a description. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html */
const most = 1_024;

const pattern = / ?\[keyturn rotation (\S{1,200}) ([0-9a-f]{32})\]$/;

/** The mark of a version; null where it has none. */
export function markOf(description: string): Mark | null {
  const [, rotationId, digest] = pattern.exec(description) ?? [];
  return rotationId === undefined || digest === undefined ? null : { rotationId, digest };
}

/** What an operator wrote, with the mark after it in place of an older one. */
export function marked(description: string, { rotationId, digest }: Mark): string {
  const mark = `[keyturn rotation ${rotationId} ${digest}]`;
  const text = description.replace(pattern, '').slice(0, most - mark.length - 1);
  return text === '' ? mark : `${text} ${mark}`;
}
