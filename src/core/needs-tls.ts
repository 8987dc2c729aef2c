const loopback = /^(localhost|127(\.\d+){3}|\[?::1\]?)$/;

/**
 * Whether the line to a PostgreSQL of ours must be encrypted, its certificate and its name verified: everywhere but on
 * loopback and on Unix sockets. A weaker `sslmode` is raised to that; only a written `disable` turns it off. There is
 * no fallback: a server that speaks no TLS is then not spoken to, and no password reaches it.
 *
 * *Default* of `sslmode`: null, which is not written.
 */
export function needsTls(host: string, sslmode: string | null): boolean {
  if (sslmode === 'disable') return false;
  const isLocal = host === '' || host.startsWith('/') || loopback.test(host);
  return !isLocal || !(sslmode === null || sslmode === 'prefer' || sslmode === 'allow');
}
