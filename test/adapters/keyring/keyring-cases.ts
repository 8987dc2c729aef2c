import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Secret, openSecret } from '../../../src/core/secret.js';
import type { Keyring, SealContext } from '../../../src/ports/keyring.js';

/** A keyring that the cases may ask for. */
export interface KeyringHarness {
  /** A keyring of a master key and a digest key of its own. */
  readonly fresh: () => Promise<Keyring>;
  /** How often what is drawn by chance is drawn: each may be a call to a service. */
  readonly runs: number;
}

/** The context most cases seal under. */
export const context: SealContext = { environment: 'prod', secret: 'prod:/billing/db', rotation: 'r1', slot: 'new' };

const denied = { code: 'KEYRING_DENIED' };
const aValue = (): Secret => Secret.fromText('correct horse battery');
const text = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 60,
});
const contexts = fc.record({ environment: text, secret: text, rotation: text, slot: text });

/** What the port promises, for any keyring. */
export function keyringCases(of: string, { fresh, runs }: KeyringHarness): void {
  describe(`${of}:`, () => {
    test('any value, empty ones too, comes back from any context', async () => {
      const keyring = await fresh();

      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), contexts, async (bytes, where) => {
          const opened = await keyring.open(await keyring.seal(new Secret(bytes), where), where);

          expect(Buffer.from(openSecret(opened)).equals(bytes)).toBe(true);
        }),
        { numRuns: runs },
      );
    });

    test('a flipped bit in any byte of what was sealed is refused', async () => {
      const keyring = await fresh();
      const sealed = await keyring.seal(new Secret(randomBytes(24)), context);

      for (let at = 0; at < sealed.length; at += 1) {
        const changed = Uint8Array.from(sealed);
        changed[at]! ^= 1 << (at % 8);
        await expect(keyring.open(changed, context), `byte ${at}`).rejects.toMatchObject(denied);
      }
    });

    test('any missing or added byte is refused', async () => {
      const keyring = await fresh();

      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), fc.nat(), fc.nat(7), async (bytes, place, added) => {
          const sealed = await keyring.seal(new Secret(bytes), context);
          const short = sealed.subarray(0, place % sealed.length);
          const long = Buffer.concat([sealed, Buffer.of(added)]);

          await expect(keyring.open(short, context)).rejects.toMatchObject(denied);
          await expect(keyring.open(long, context)).rejects.toMatchObject(denied);
        }),
        { numRuns: runs },
      );
    });

    test('any other context is refused, one bit of one field being enough', async () => {
      const keyring = await fresh();
      const field = fc.constantFrom('environment', 'secret', 'rotation', 'slot' as const);

      await fc.assert(
        fc.asyncProperty(contexts, field, fc.nat(), fc.nat(6), async (where, changed, place, bit) => {
          const sealed = await keyring.seal(aValue(), where);
          const bytes = Buffer.from(where[changed]);
          bytes[place % bytes.length]! ^= 1 << bit;
          const other = { ...where, [changed]: bytes.toString('latin1') };

          await expect(keyring.open(sealed, other)).rejects.toMatchObject(denied);
        }),
        { numRuns: runs },
      );
    });

    test('moving a character from one field of the context to the next is refused', async () => {
      const keyring = await fresh();
      const sealed = await keyring.seal(aValue(), { ...context, rotation: 'ab', slot: 'c' });

      await expect(keyring.open(sealed, { ...context, rotation: 'a', slot: 'bc' })).rejects.toMatchObject(denied);
    });

    test('the parts of two seals of one context cannot be mixed', async () => {
      const keyring = await fresh();
      const [one, two] = [await keyring.seal(aValue(), context), await keyring.seal(aValue(), context)];

      for (let cut = 1; cut < one.length; cut += 1) {
        const mixed = Buffer.concat([one.subarray(0, cut), two.subarray(cut)]);
        if (mixed.equals(one) || mixed.equals(two)) continue;
        await expect(keyring.open(mixed, context), `cut at ${cut}`).rejects.toMatchObject(denied);
      }
    });

    test('two seals of a value have no run of bytes in common where the value is', async () => {
      const keyring = await fresh();
      const length = openSecret(aValue()).length;
      const ends = [await keyring.seal(aValue(), context), await keyring.seal(aValue(), context)].map((sealed) =>
        Buffer.from(sealed).subarray(-length - 28),
      ) as [Buffer, Buffer];

      for (let start = 0; start + 8 <= ends[0].length; start += 1) {
        expect(ends[1].includes(ends[0].subarray(start, start + 8))).toBe(false);
      }
    });

    test('what another keyring has sealed is refused', async () => {
      const [ours, theirs] = [await fresh(), await fresh()];

      await expect(theirs.open(await ours.seal(aValue(), context), context)).rejects.toMatchObject(denied);
      expect(theirs.keyId).not.toBe(ours.keyId);
    });

    test('a digest is equal for equal values of one secret only', async () => {
      const keyring = await fresh();
      const digest = keyring.digest(aValue(), context);

      expect(digest).toMatch(/^[0-9a-f]{32}$/);
      expect(keyring.digest(aValue(), context)).toBe(digest);
      expect(keyring.digest(Secret.fromText('correct horse batterz'), context)).not.toBe(digest);
      expect(keyring.digest(aValue(), { ...context, secret: 'prod:/billing/other' })).not.toBe(digest);
      expect(keyring.digest(aValue(), { ...context, environment: 'test' })).not.toBe(digest);
      expect((await fresh()).digest(aValue(), context)).not.toBe(digest);
    });
  });
}
