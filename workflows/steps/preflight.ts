import {
  type Gate,
  type Preflight,
  type PreflightFacts,
  type Steps,
  ask,
  judgePreflight,
  parseCredential,
} from 'keyturn/workflow';

/** Before anything is touched: is the current credential accepted, the store reachable, the target fit? */
export const preflight: Gate<object, PreflightFacts, Preflight> = {
  whenBlind: 'undo',
  *observe({ plan }): Steps<PreflightFacts> {
    const stored = yield* ask('store', 'read', 'current');
    const previous = yield* ask('store', 'read', 'previous');
    const { system } = yield* ask('target', 'identify');
    const credential = stored === null ? null : parseCredential(stored.value, plan.fields, plan.path);
    const answers = credential === null ? [] : yield* ask('target', 'probe', credential);
    const findings = [
      ...(yield* ask('store', 'preflight', stored?.version ?? null)),
      ...(yield* ask('target', 'preflight', credential)),
    ];
    return {
      old:
        stored === null || credential === null
          ? null
          : {
              version: stored.version,
              identity: credential.identity,
              digest: stored.digest,
              createdBy: stored.rotationId,
            },
      previous: previous?.version ?? null,
      system,
      answers,
      findings,
    };
  },
  judge: judgePreflight,
};
