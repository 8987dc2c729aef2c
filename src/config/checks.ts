import { z } from 'zod';
import type { PlannedCheck } from '../core/plan.js';
import { name } from './name.js';
import { reference } from './reference-field.js';
import { storedIn } from './references.js';
import { url } from './url.js';

/** More than this of a query is not sent: it stands in an address. Characters. */
const MAX_QUERY = 4_000;

/** Where a token may go in the clear: what is sent there does not leave the machine. */
const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/;

const http = z.strictObject({ url, expectStatus: z.int().min(200).max(599).default(200) });

const prometheus = z
  .strictObject({
    url,
    query: z.string().min(1, 'expected a query in PromQL').max(MAX_QUERY),
    below: z.number().optional(),
    above: z.number().optional(),
    token: reference.optional(),
  })
  .superRefine(({ url: base, below, above, token }, ctx) => {
    const tell = (path: string, message: string): void => ctx.addIssue({ code: 'custom', path: [path], message });
    if ((below === undefined) === (above === undefined))
      ctx.addIssue({ code: 'custom', message: 'expected one of the two limits: below: 0.01, or above: 0.99' });
    if (!URL.canParse(base)) return;
    const { protocol, hostname, search, hash } = new URL(base);
    if (search !== '' || hash !== '')
      tell('url', 'expected what stands before /api/v1/query, such as https://prometheus.internal');
    if (token === undefined) return;
    if (storedIn(token) !== undefined) tell('token', 'a token is read from env(…) or file(…)');
    if (protocol === 'http:' && !loopback.test(hostname)) tell('url', 'a token is sent by https only');
  });

/** One check of a secret, as people write it: `{ name, http: { … } }` or `{ name, prometheus: { … } }`. */
export const check = z
  .strictObject({
    name,
    failAfter: z.int().min(1).max(100).default(2),
    http: http.optional(),
    prometheus: prometheus.optional(),
  })
  .transform(({ name: called, failAfter, http: probe, prometheus: asked }, ctx): PlannedCheck => {
    if (probe !== undefined && asked === undefined) return { name: called, failAfter, kind: 'http', ...probe };
    if (asked !== undefined && probe === undefined) {
      const { url: base, query, below, above, token = null } = asked;
      const bound =
        below === undefined
          ? ({ holds: 'above', limit: above ?? 0 } as const)
          : ({ holds: 'below', limit: below } as const);
      return { name: called, failAfter, kind: 'prometheus', url: base, query, ...bound, token };
    }
    const message = "expected one of the two: http: { url: 'https://…' }, or prometheus: { url, query, below }";
    ctx.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** At most this many are asked of one secret: all at once, and their facts are written down at every look. */
const MAX_CHECKS = 20;

/** The checks of a secret. */
export const checks = z.array(check).max(MAX_CHECKS, `expected at most ${MAX_CHECKS} checks`).default([]);
