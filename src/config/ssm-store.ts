import { z } from 'zod';
import { pathFault } from '../core/parameter-path.js';
import { kmsKey } from './kms-key.js';
import { url } from './url.js';

/** The key that AWS gives every account: whoever may read the parameter may use it, and nobody can change its policy. */
const defaultKey = 'alias/aws/ssm';

/** What AWS grants an account that has not asked for more. Puts a second. https://repost.aws/knowledge-center/ssm-parameter-store-rate-exceeded */
const defaultPutsPerSecond = 3;

const prefix = z.string().superRefine((text, ctx) => {
  const fault = pathFault(text);
  if (fault !== undefined) ctx.addIssue({ code: 'custom', message: fault.replace('a path', 'a prefix') });
});

/** AWS SSM Parameter Store, as an environment of a configuration names it. */
export const ssmStore = z
  .strictObject({
    region: z.string(),
    key: z.string(),
    prefix: prefix.optional(),
    endpoint: url.optional(),
    putsPerSecond: z.number().gt(0, 'expected puts per second, such as 3').max(1_000).default(defaultPutsPerSecond),
    account: z
      .string()
      .regex(/^\d{12}$/, 'expected the twelve digits of an AWS account')
      .optional(),
    allowDefaultKey: z.boolean().default(false),
    staging: z
      .enum(['label', 'shadow'], "expected 'label', or 'shadow' for applications that read bare names")
      .default('label'),
  })
  .superRefine(({ region, key, allowDefaultKey }, ctx) => {
    if (isDefaultKey(key)) {
      if (allowDefaultKey) return;
      const message = `${defaultKey} has a policy that nobody can change; make a key of your own, or set allowDefaultKey: true`;
      ctx.addIssue({ code: 'custom', message, path: ['key'] });
      return;
    }
    for (const { path, message } of kmsKey.safeParse({ region, key }).error?.issues ?? [])
      ctx.addIssue({ code: 'custom', message, path });
  })
  .transform(({ region, key, prefix: before, endpoint, putsPerSecond, account, staging }) => ({
    kind: 'ssm' as const,
    region,
    key,
    prefix: before ?? '',
    endpoint: endpoint ?? null,
    putsPerSecond,
    account: account ?? null,
    staging,
  }));

const isDefaultKey = (key: string): boolean => /(?:^|:)alias\/aws\/ssm$/.test(key);
