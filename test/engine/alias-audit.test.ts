import { describe, expect, it } from 'vitest';
import { memoryPorts } from '../../src/adapters/memory/ports.js';
import { renderCredential } from '../../src/core/credential.js';
import { type ErrorCode, keyturnError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { auditAlias } from '../../src/engine/alias-audit.js';
import { aPlan, ableCapabilities } from '../support/plans.js';

const plan = aPlan();
const credential = { identity: 'billing_a', value: Secret.fromText('kt-canary-value-of-the-audit') };

function aMemory({ live = true, document = renderCredential(credential, plan.fields) } = {}) {
  const memory = memoryPorts({ capabilities: ableCapabilities, endpoints: ['one', 'two'] });
  memory.store.putInitial(plan.secret, document);
  if (live) memory.target.adopt(credential);
  return memory;
}

const audit = ({ ports }: Pick<ReturnType<typeof aMemory>, 'ports'>) =>
  auditAlias(plan, ports, new AbortController().signal);

describe('the audit of what current names', () => {
  it('finds nothing where it is accepted', async () => {
    expect(await audit(aMemory())).toBeNull();
  });

  it('finds nothing where there is no version', async () => {
    expect(await audit(memoryPorts({ capabilities: ableCapabilities, endpoints: ['one'] }))).toBeNull();
  });

  it('names the version and the endpoint that refuses it', async () => {
    expect(await audit(aMemory({ live: false }))).toBe('version 1, named by current, is refused at one');
  });

  it('says without a value that it cannot be read', async () => {
    const problem = await audit(aMemory({ document: Secret.fromText('kt-canary-no-json') }));
    expect(problem).toBe('CURRENT_UNREADABLE');
  });

  it.each<[string, ErrorCode, string | null]>([
    ['says that the admin is refused', 'ADMIN_REFUSED', 'ADMIN_REFUSED'],
    ['leaves an unreachable target to the next time', 'TARGET_UNREACHABLE', null],
  ])('%s', async (_, code, problem) => {
    const { ports } = aMemory();
    const probe = () => {
      throw keyturnError(code);
    };
    expect(await audit({ ports: { ...ports, target: { ...ports.target, probe } } })).toBe(problem);
  });

  it('leaves what nobody can name to the next time', async () => {
    const { ports } = aMemory();
    const probe = () => Promise.reject(new Error('socket hang up'));
    expect(await audit({ ports: { ...ports, target: { ...ports.target, probe } } })).toBeNull();
  });

  it('takes no answer for no problem', async () => {
    const { ports } = aMemory();
    const probe = () => [{ endpoint: 'one', answer: 'unknown' as const }];
    expect(await audit({ ports: { ...ports, target: { ...ports.target, probe } } })).toBeNull();
  });

  it('changes nothing', async () => {
    const memory = aMemory({ live: false });
    await audit(memory);
    expect(memory.store.read(plan.secret, 'current')?.version).toBe(1);
    expect(memory.target.live()).toEqual([]);
  });
});
