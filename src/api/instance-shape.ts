import { z } from 'zod';
import { url } from '../config/url.js';

/** What an instance sends to `POST /v1/instances`. */
export const instanceShape = z
  .strictObject({
    secret: z
      .string()
      .regex(/^[^:/]+:\/\S{1,1024}$/)
      .describe('Environment and path: prod:/prod/billing/db.'),
    consumer: z.string().min(1).max(128).describe('The name that the configuration gives the application.'),
    instance: z
      .string()
      .regex(/^[\w.:@/-]{1,128}$/)
      .describe('Names the process among those of the application.'),
    url: url
      .describe('Where this instance answers challenges itself. Without it: at the address of its consumer.')
      .optional(),
    leaves: z.literal(true).describe('It goes, and is waited for no more.').optional(),
  })
  .meta({
    title: 'An instance that is there, or goes',
    description: 'What an instance of a consumer sends to POST /v1/instances, signed with the key of its consumer.',
  });

/** What an instance says of itself. */
export type InstanceWord = z.output<typeof instanceShape>;

/** What is to be done about each member, without what stands in it. */
const cures: Readonly<Record<string, string>> = {
  secret: 'secret is none: send environment and path, as prod:/prod/billing/db',
  consumer: 'consumer is no name: send the one that the configuration gives the application',
  instance: 'instance is no name: use letters, digits and _ . : @ / -, at most 128',
  url: 'url is no address: send one of http or https, without credentials, or leave it out',
  leaves: 'leaves is true, or is left out',
};

/** Reads the body. *Returns* a sentence that names the member and the cure where it is none. */
export function readInstance(body: string): InstanceWord | string {
  const { data, error } = instanceShape.safeParse(json(body));
  if (data !== undefined) return data;
  const [member] = error.issues[0]?.path ?? [];
  if (member !== undefined && cures[String(member)] !== undefined) return cures[String(member)] as string;
  return 'send a JSON object of secret, consumer and instance, with url or leaves, and nothing else';
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
