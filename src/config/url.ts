import { z } from 'zod';

/** An address of HTTP. */
export const url = z.string().superRefine((text, ctx) => {
  const fault = urlFault(text);
  if (fault !== undefined) ctx.addIssue({ code: 'custom', message: fault });
});

/** Says what is wrong with an address. It is public: it stands in the database, so credentials have no place in it. */
function urlFault(text: string): string | undefined {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) return 'expected an http or https address';
  if (parsed.username !== '' || parsed.password !== '') return 'an address holds no credentials; use key: env(…)';
  return undefined;
}
