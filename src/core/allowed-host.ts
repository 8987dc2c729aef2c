/**
 * May this host be spoken to? Each of `allowed` is a host as a URL has it (`hooks.example.com`, `10.1.2.3`, `[fd00::1]`), or
 * `*.` and a name for all below it. `undefined`: any.
 */
export function isAllowedHost(hostname: string, allowed: readonly string[] | undefined): boolean {
  if (allowed === undefined) return true;
  const host = hostname.replace(/\.$/, '');
  return allowed.some((each) => (each.startsWith('*.') ? host.endsWith(each.slice(1)) : host === each));
}
