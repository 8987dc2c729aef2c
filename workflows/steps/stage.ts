import { type Act, ask, keyturnError, renderCredential, sameSecret } from 'keyturn/workflow';
import { openNew } from './named.js';
import type { Created } from './create.js';
import type { Proposed } from './propose.js';

interface Before {
  readonly propose: Proposed;
  /** Absent where the pending version is written before the target takes the value. */
  readonly create?: Created;
}

/** What stage hands on. */
export type Staged = {
  readonly version: number;
  readonly digest: string;
};

/** Writes the pending version into the store: exactly one put per rotation, whatever the number of tries. */
export const stage: Act<Before, Staged> = {
  touches: ['store'],
  *run({ plan, before }) {
    const credential = yield* openNew(plan, (before.create ?? before.propose).identity);
    const document = renderCredential(credential, plan.fields);
    const put = yield* ask('store', 'putPending', document);
    const read = yield* ask('store', 'read', put.version);
    // A version that this rotation put before our database was rewound may be found, with a value that is lost.
    const isOurs = read?.rotationId === plan.rotationId && read.digest === put.digest;
    if (!isOurs || !sameSecret(read.value, document)) {
      throw keyturnError('FOREIGN_VERSION', { version: put.version, secret: plan.path });
    }
    return { output: { version: put.version, digest: put.digest } };
  },
  *undo({ plan, output }) {
    const pending = output === null ? yield* ask('store', 'read', 'pending') : null;
    const version = output?.version ?? (pending?.rotationId === plan.rotationId ? pending.version : null);
    if (version !== null) yield* ask('store', 'retirePending', version);
  },
};
