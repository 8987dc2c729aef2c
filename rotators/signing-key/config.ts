import { z } from 'zod';

/** What the rotator `signing-key` is configured with. */
export const configSchema = z.strictObject({
  /** The folder that whoever verifies reads: one file for each key. */
  folder: z.string().min(1),
  /** Key ids begin with it. */
  name: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'must be lower case letters, digits and dashes')
    .max(64),
  /** What a key begins with. The default is that of Standard Webhooks. */
  prefix: z.string().regex(/^\w*$/, 'must be letters, digits and `_`').default('whsec_'),
  /** Who may read the files beside the account that Keyturn runs as: nobody, or the group of the folder. */
  readableBy: z.enum(['owner', 'group']).default('owner'),
});

/** See {@link configSchema}. */
export type SigningKeyConfig = z.infer<typeof configSchema>;
