import { z } from 'zod';

/** An address of HTTP. */
export const url = z.string().superRefine((text, ctx) => {
  const fault = urlFault(text);
  if (fault !== undefined) ctx.addIssue({ code: 'custom', message: fault });
});

/** A host, or `*.` and a name for all below it; as a URL writes it, because that is what it is compared with. */
export const hostPattern = z.string().refine(
  (text) => {
    const host = text.replace(/^\*\./, '');
    const address = `https://${host}`;
    return URL.canParse(address) && new URL(address).hostname === host && !/[*]/.test(host) && !host.endsWith('.');
  },
  { error: 'expected a host in lower case, such as hooks.example.com, or *.example.com for all below it' },
);

/** Says what is wrong with an address. It is public: it stands in the database, so credentials have no place in it. */
function urlFault(text: string): string | undefined {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) return 'expected an http or https address';
  if (parsed.username !== '' || parsed.password !== '') return 'an address holds no credentials; use key: env(…)';
  return undefined;
}
