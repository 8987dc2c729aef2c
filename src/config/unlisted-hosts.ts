import { isAllowedHost } from '../core/allowed-host.js';
import type { ShapedConfig } from './schema.js';

/** The fields of an environment that name a host which it may not speak to: nothing would ever be sent there. */
export function unlistedHosts({
  allowHosts,
  webhooks,
  secrets,
}: ShapedConfig['environments'][string]): readonly (readonly PropertyKey[])[] {
  const isListed = ({ url }: { readonly url?: string | undefined }): boolean =>
    url === undefined || isAllowedHost(new URL(url).hostname, allowHosts);
  const unlisted = (at: readonly PropertyKey[], all: readonly { readonly url?: string | undefined }[]) =>
    all.flatMap((each, index) => (isListed(each) ? [] : [[...at, index, 'url']]));
  return [
    ...unlisted(['webhooks'], webhooks),
    ...Object.entries(secrets).flatMap(([path, { consumers, checks }]) => [
      ...unlisted(['secrets', path, 'consumers'], consumers),
      ...unlisted(['secrets', path, 'checks'], checks),
    ]),
  ];
}
