import { randomBytes } from 'node:crypto';
import { type LiveCredential, createCachedReader, followCredential } from 'keyturn/consumer';
import { onTestFinished } from 'vitest';

/** A login of a server, as the store keeps it. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

export const freshLogin = (name: string): Login => ({ username: name, password: randomBytes(12).toString('hex') });

/** A store that names one login after the other, and an application that follows it. */
export function followed(first: Login, options: { readonly pollMs?: number } = {}) {
  const versions = [first];
  const errors: unknown[] = [];
  const reader = createCachedReader<string>({
    read: async (name) => {
      const label = name.split(':')[1];
      const version = label === 'current' ? versions.length : Number(label);
      return { value: JSON.stringify(versions[version - 1]), version };
    },
    // So that what was read a moment ago is asked for again where it was refused.
    firstBackOffMs: 0,
  });
  const credential: LiveCredential = followCredential({
    reader,
    name: '/prod/billing/db:current',
    pollMs: 0,
    onError: (error) => errors.push(error),
    ...options,
  });
  onTestFinished(() => {
    credential.close();
    reader.close();
  });
  return { credential, reader, errors, promote: (next: Login): number => versions.push(next) };
}
