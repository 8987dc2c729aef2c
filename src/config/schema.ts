import { z } from 'zod';
import type { Rotator } from '../contract/rotator.js';
import { isRotator } from './is-rotator.js';
import { isAddressRange } from '../core/address-range.js';
import { webhookEvents } from '../core/delivery.js';
import type { Json } from '../core/json.js';
import { findNonJson } from '../core/json.js';
import { parseDuration } from './duration.js';
import type { Isolation } from '../ports/isolation.js';
import { isIsolated, isolationSchema } from './isolated.js';
import { checks } from './checks.js';
import { kmsKey } from './kms-key.js';
import { name } from './name.js';
import { reference } from './reference-field.js';
import { isReference, referenceFault } from './references.js';
import { ssmStore } from './ssm-store.js';
import { hostPattern, url } from './url.js';

const duration = durationFrom(0, 'expected a duration such as 500ms, 30s, 15m, 2h or 7d');

function durationFrom(leastMs: number, message: string) {
  return z.string().transform((text, ctx) => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= leastMs) return ms;
    ctx.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

/** Settings of a rotator: plain JSON with well-formed references. What they mean is the rotator's to check. */
const settings = z.custom<Readonly<Record<string, Json>>>().transform((value, ctx) => {
  const fault = settingsFault(value);
  if (fault === undefined) return value;
  ctx.addIssue({ code: 'custom', message: fault });
  return z.NEVER;
});

function settingsFault(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'expected an object of settings';
  const at = findNonJson(value, 'it');
  if (at !== undefined) return `${at} is not plain data; secrets enter by env(…) or file(…)`;
  return malformedReference(value);
}

function malformedReference(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (isReference(value)) {
    return Object.keys(value).length === 1 ? referenceFault(value.$ref) : referenceFault(undefined);
  }
  for (const item of Object.values(value)) {
    const fault = malformedReference(item);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** Imported by value it runs in the worker; named by `isolated(…)` it does not. */
const rotator = z.unknown().transform((value, ctx): Rotator | Isolation => {
  if (isRotator(value)) return value;
  if (!isIsolated(value)) {
    const message =
      typeof value === 'string'
        ? "a rotator that is named and not imported runs in a process of its own: isolated('NAME', { integrity: 'sha512-…' })"
        : 'expected a rotator: the default export of keyturn/rotators/… or your own, or isolated(…)';
    ctx.addIssue({ code: 'custom', message });
    return z.NEVER;
  }
  const parsed = isolationSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) ctx.addIssue({ code: 'custom', path: [...path], message });
  return z.NEVER;
});

const canaries = z.union(
  [
    z.literal('all'),
    z.strictObject({ count: z.int().min(1).max(1000) }),
    z.strictObject({ percent: z.int().min(1).max(100) }),
  ],
  "expected 'all', { count: 2 } or { percent: 50 }",
);

const policy = z.strictObject({
  soak: duration.optional(),
  canaryMax: duration.optional(),
  canaries: canaries.optional(),
  unknownChecks: z.enum(['undo', 'park']).optional(),
  grace: duration.optional(),
  quiet: duration.optional(),
  maxSessionAge: duration.optional(),
  drainMax: duration.optional(),
  onDrainMax: z.enum(['park', 'extend']).optional(),
  onRefusal: z.enum(['undo', 'park']).optional(),
  watch: duration.optional(),
  poll: duration.optional(),
  retry: z
    .strictObject({
      first: duration.optional(),
      max: duration.optional(),
      attemptsPerCycle: z.int().min(1).max(1000).optional(),
      cycles: z.int().min(1).max(1000).optional(),
    })
    .optional(),
});

/** Each is a challenge at every look, to one address. */
const MOST_INSTANCES = 50;

const instances = z.custom<number | 'registered'>(
  (value) =>
    value === 'registered' || (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MOST_INSTANCES),
  `expected a number from 1 to ${MOST_INSTANCES}, or 'registered'`,
);

const sources = z
  .array(z.string().refine(isAddressRange, 'expected an address or a range, such as 10.1.2.3 or 10.1.0.0/16'))
  .min(1, 'expected one address or more; leave it out where they are not known')
  .max(100);

const owner = z
  .string()
  .regex(/^[^\p{C}]{1,200}$/u, 'expected who answers for it, on one line of at most 200 characters')
  .refine((text) => text.trim() === text && text !== '', 'expected a name without spaces around it');

const consumer = z.strictObject({
  name,
  url: url.optional(),
  canary: z.boolean().default(false),
  required: z.boolean().default(true),
  cacheTtl: duration.default(0),
  instances: instances.optional(),
  sources: sources.optional(),
  owner: owner.optional(),
  key: reference.optional(),
});

const overdueAfter = durationFrom(60_000, 'expected at least 1m, such as 30m, 4h or 2d');

const schedule = z
  .strictObject({
    cron: z.string(),
    timezone: z.string(),
    overdueAfter: overdueAfter.default(24 * 60 * 60_000),
  })
  .transform(({ overdueAfter: overdueAfterMs, ...rest }) => ({ ...rest, overdueAfterMs }));

const secret = z.strictObject({
  target: z.string(),
  config: settings.default({}),
  workflow: z.string().optional(),
  schedule: schedule.optional(),
  policy: policy.default({}),
  consumers: z.array(consumer).default([]),
  checks,
  adopted: z.boolean().default(false),
  group: name.optional(),
});

const target = z.strictObject({
  rotator,
  concurrency: z.int().min(1).max(1000).default(4),
  config: settings,
});

/** A list of nothing would be an endpoint that is told nothing. */
const events = z.array(z.enum(webhookEvents)).min(1, 'expected one type or more; leave it out for all');
const webhook = z.strictObject({ name, url, key: reference, events: events.optional() });

const environment = z.strictObject({
  targets: z.record(z.string(), target),
  secrets: z.record(z.string(), secret),
  store: z
    .strictObject({ ssm: ssmStore })
    .transform(({ ssm }) => ssm)
    .optional(),
  webhooks: z.array(webhook).default([]),
  allowPrivateAddresses: z.boolean().default(false),
  allowHosts: z.array(hostPattern).min(1, 'expected one host or more; leave it out for any').optional(),
});

const keyFile = z.string().min(1, 'expected the path of a file that `keyturn init` makes');

const keyring = z
  .strictObject({
    file: keyFile.optional(),
    kms: kmsKey.optional(),
    previous: z.union([keyFile, z.strictObject({ kms: kmsKey })]).optional(),
  })
  .transform(({ file, kms, previous }, ctx) => {
    const master = [...(file === undefined ? [] : [file]), ...(kms === undefined ? [] : [{ kms }])];
    const [newest] = master;
    if (newest !== undefined && master.length === 1) return { newest, previous: previous ?? null };
    const message = "expected one of the two: file: './keyturn.key', or kms: { key: 'alias/…', region: '…' }";
    ctx.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** The shape of a configuration. What spans several places of it is checked by `parseConfig`. */
export const configSchema = z.strictObject({
  keyring,
  databaseLogin: z.strictObject({ environment: z.string(), secret: z.string() }).optional(),
  environments: z.record(z.string(), environment),
});

/** A configuration of the right shape. */
export type ShapedConfig = z.output<typeof configSchema>;
/** A policy of the right shape: durations are milliseconds, under the names people write. */
export type ShapedPolicy = z.output<typeof policy>;
/** A secret of the right shape. */
export type ShapedSecret = z.output<typeof secret>;
