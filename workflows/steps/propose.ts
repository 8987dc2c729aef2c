import { type Act, type Preflight, ask, keyturnError, parseCredential, sameSecret, unfitValue } from 'keyturn/workflow';

/** What propose hands on. */
export type Proposed = {
  readonly identity: string;
  /** Where the target keeps no tag: what was there before. */
  readonly existing?: readonly string[];
};

/** Chooses the identity and, where the value is ours, the value. It is sealed before the target hears of it. */
export const propose: Act<{ readonly preflight: Preflight }, Proposed> = {
  touches: [],
  *run({ plan, before }) {
    const { old } = before.preflight;
    const proposal = yield* ask('target', 'propose', old === null ? null : { identity: old.identity });
    const { identity, existing } = proposal;
    if (proposal.value === undefined) return { output: { identity, ...(existing === undefined ? {} : { existing }) } };
    const stored = old === null ? null : yield* ask('store', 'read', old.version);
    const previous = stored === null ? [] : [parseCredential(stored.value, plan.fields, plan.path).value];
    const finding = unfitValue(proposal.value, previous, sameSecret);
    if (finding !== undefined) throw keyturnError('VALUE_UNFIT', { secret: plan.path, finding });
    return { output: { identity }, seal: { new: proposal.value } };
  },
  // Nothing to take back: the sealed value goes with the rotation's other sealed values when it closes.
  *undo() {},
};
