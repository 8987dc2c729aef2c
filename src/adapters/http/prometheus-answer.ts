import { z } from 'zod';

/** A sample as the API writes it: seconds since 1970, and the value as text. https://prometheus.io/docs/prometheus/latest/querying/api/ */
const sample = z.tuple([z.number(), z.string()]);

/**
 * What `/api/v1/query` answers where it succeeds. Native histograms stand in the place of `value` and have no one number;
 * a range has many moments. Neither can be compared with a limit.
 */
const answerShape = z.object({
  status: z.literal('success'),
  warnings: z.array(z.unknown()).optional(),
  // Of VictoriaMetrics, where a part of its storage is away.
  isPartial: z.boolean().optional(),
  data: z.discriminatedUnion('resultType', [
    z.object({ resultType: z.literal('scalar'), result: sample }),
    z.object({ resultType: z.literal('vector'), result: z.array(z.object({ value: sample })) }),
  ]),
});

/** What was read, or why nothing was, in words of ours. */
export type PrometheusAnswer =
  | { readonly kind: 'samples'; readonly values: readonly number[] }
  | { readonly kind: 'nothing'; readonly reason: string };

/**
 * Reads the samples of an instant query out of the body of a 200.
 *
 * An answer with warnings, or that calls itself partial, is `nothing`: a part of the data could not be had, and what is missing
 * may be what would not hold. Infinities and NaN are given as they are.
 */
export function readPrometheusAnswer(body: Buffer | null): PrometheusAnswer {
  if (body === null) return { kind: 'nothing', reason: 'its answer has more than 64 KB, or did not end in time' };
  const parsed = answerShape.safeParse(parseJson(body));
  if (!parsed.success) return { kind: 'nothing', reason: 'its answer is not that of an instant query' };
  const { warnings = [], isPartial = false, data } = parsed.data;
  if (warnings.length > 0 || isPartial)
    return { kind: 'nothing', reason: 'its answer says that it may not be complete' };
  const samples = data.resultType === 'scalar' ? [data.result] : data.result.map(({ value }) => value);
  const values = samples.map(([, text]) => numberIn(text));
  if (!values.every((value) => value !== undefined)) return { kind: 'nothing', reason: 'a sample cannot be read' };
  return { kind: 'samples', values };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

const named: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  '+Inf': Number.POSITIVE_INFINITY,
  Inf: Number.POSITIVE_INFINITY,
  '-Inf': Number.NEGATIVE_INFINITY,
};

/** As Go writes a float. `Number` alone would take an empty text for 0, which is below most limits. */
function numberIn(text: string): number | undefined {
  if (Object.hasOwn(named, text)) return named[text];
  return /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}
