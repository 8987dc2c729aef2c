import { expect, test } from 'vitest';
import { borrowTarget } from './borrowed.js';

test('what somebody has planted in the way of the admin is never called', async () => {
  const { open, ctx, sql, name } = await borrowTarget({ major: 18, admin: 'CREATEROLE' });
  await sql('CREATE TABLE public.calls (by name)');
  await sql('GRANT INSERT ON public.calls TO PUBLIC');
  // For a plain 0 a closer match than the one of pg_catalog, which takes a bigint: the default search path finds it.
  await sql(`CREATE FUNCTION public.hashtextextended(text, integer) RETURNS bigint LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO public.calls VALUES (current_user); RETURN 0; END $$`);
  const led = open({ adminDatabase: name });

  expect(await led.preflight(null, ctx('r1'))).toEqual([]);
  const made = await led.propose(null, ctx('r1'));
  await led.create(made, ctx('r1'));
  await led.disable(made.identity, ctx('r1'));
  await led.enable(made.identity, ctx('r1'));
  await led.destroy(made.identity, { createdBy: 'r1' }, ctx('r1'));

  expect(await sql('SELECT by FROM public.calls')).toEqual([]);
  await sql(`SELECT hashtextextended('whoever looks there', 0)`);
  expect(await sql('SELECT by FROM public.calls')).toHaveLength(1);
});
