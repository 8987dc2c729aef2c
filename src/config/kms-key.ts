import { z } from 'zod';
import { url } from './url.js';

const arn = /^arn:aws(?:-[a-z]+)*:kms:([a-z0-9-]+):\d{12}:(?:key\/[\w-]+|alias\/[\w/-]+)$/;
const alias = /^alias\/[\w/-]+$/;
const id = /^(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** A key of AWS KMS, as a configuration names it. */
export const kmsKey = z
  .strictObject({
    key: z.string(),
    region: z.string().regex(/^[a-z]{2,}(?:-[a-z]+)+-\d+$/, 'expected a region such as eu-central-1'),
    endpoint: url.optional(),
  })
  .superRefine(({ key, region }, ctx) => {
    const message = keyFault(key, region);
    if (message !== undefined) ctx.addIssue({ code: 'custom', message, path: ['key'] });
  })
  .transform(({ key, region, endpoint }) => ({ key, region, endpoint: endpoint ?? null }));

function keyFault(key: string, region: string): string | undefined {
  const [, inRegion] = arn.exec(key) ?? [];
  if (inRegion === undefined && !alias.test(key) && !id.test(key)) {
    return 'expected alias/NAME, a key id, or the ARN of either';
  }
  // AWS makes these keys for its own services, and lets nobody else call them.
  if (/(?:^|:)alias\/aws\//.test(key)) return 'alias/aws/… belongs to a service of AWS; make a key of your own';
  if (inRegion !== undefined && inRegion !== region) return `this key is in ${inRegion}; name that region`;
  return undefined;
}
