import { describe, expect, test } from 'vitest';
import { type Fault, faults } from '../../support/scripted-provider.js';
import { borrowProvider, ctxOf, made, proposal, requests, thrownBy, untagged } from './borrowed.js';

describe('a list', () => {
  test.each<[string, Fault, RegExp]>([
    ['by HTML', faults.html(), /not JSON/],
    ['by something without items', faults.answer(200, { items: [] }), /nothing at \/keys/],
    ['by items that are no list', faults.answer(200, { keys: {} }), /no list/],
    ['by an item without an identity', faults.answer(200, { keys: [{ note: 'x' }] }), /no identity at \/id/],
    ['by 404', faults.answer(404), /answered 404/],
    ['by 10 MB', faults.huge(10_000_000), /longer than/],
    ['a byte at a time', faults.drip, /not come to an end/],
    [
      'by a next page elsewhere',
      faults.answer(200, { keys: [] }, { link: '<https://evil.example/keys>; rel="next"' }),
      /another origin \(https:\/\/evil\.example\)/,
    ],
  ])('that is answered %s is no empty list', async (_, fault, finding) => {
    const { provider, open } = await borrowProvider({
      // Only the one that never ends is waited for until it is too late.
      timeoutMs: fault === faults.drip ? 400 : 20_000,
      requests: { ...requests, list: { ...requests.list, paging: { kind: 'link' } } },
    });
    provider.fail('list', fault);

    const { code, facts } = await thrownBy(open().list(ctxOf()));

    expect(code).toBe('ANSWER_UNREADABLE');
    expect(facts).toMatchObject({ request: 'list', outcome: 'none', finding: expect.stringMatching(finding) });
  });

  test.each([
    ['linked', { kind: 'link' }],
    ['by cursor', { kind: 'cursor', pointer: '/next', parameter: 'cursor' }],
    ['numbered', { kind: 'page', parameter: 'page' }],
  ])('of many pages, %s, is read to its end', async (_, paging) => {
    const borrowed = await borrowProvider({ requests: { ...requests, list: { ...requests.list, paging } } });
    borrowed.provider.behaviour.pageSize = 2;
    for (let i = 0; i < 7; i += 1) borrowed.provider.plant(`theirs ${i}`);
    const key = await made(borrowed);

    expect(await borrowed.connection.list(ctxOf())).toEqual([{ identity: key.identity, rotationId: 'r1', live: true }]);
  });

  test('that has a next page of which the definition says nothing is no list: it would hide what is ours', async () => {
    const borrowed = await borrowProvider();
    borrowed.provider.behaviour.pageSize = 1;
    borrowed.provider.plant('theirs');
    borrowed.provider.plant('theirs too');

    const { code, facts } = await thrownBy(borrowed.connection.list(ctxOf()));

    expect(code).toBe('ANSWER_UNREADABLE');
    expect(facts).toMatchObject({ outcome: 'none', finding: expect.stringMatching(/^it has a next page/) });
  });

  test.each([
    ['among other relations', 'rel="last next"'],
    ['after a parameter with a comma in it', 'title="one, two"; rel=next'],
    ['behind another link', 'rel="prev", <KEYS?page=1>; REL = "Next"'],
  ])('whose next page is told %s is read to its end', async (_, parameters) => {
    const { provider, open } = await borrowProvider();
    const key = provider.plant('ours');
    const connection = open({
      requests: { ...untagged, list: { ...untagged.list, paging: { kind: 'link' } } },
      exclusive: true,
    });
    const keys = `${provider.url}/keys`;
    provider.fail('list', faults.answer(200, { keys: [] }, { link: `<${keys}>; ${parameters.replace('KEYS', keys)}` }));

    expect((await connection.list(ctxOf())).map(({ identity }) => identity)).toEqual([key.id]);
  });

  test('whose cursor is neither there nor missing is no list', async () => {
    const { provider, open } = await borrowProvider();
    const paging = { kind: 'cursor', pointer: '/next', parameter: 'cursor' };
    const connection = open({ requests: { ...requests, list: { ...requests.list, paging } } });
    provider.fail('list', faults.answer(200, { keys: [], next: { after: 'k7' } }));

    const { facts } = await thrownBy(connection.list(ctxOf()));

    expect(facts).toMatchObject({ finding: 'what is at /next of its answer is no cursor' });
  });

  test('whose pages are all the same is no list', async () => {
    const { provider, open } = await borrowProvider();
    provider.plant('theirs');
    const paging = { kind: 'page', parameter: 'ignored' };

    const { facts } = await thrownBy(
      open({ requests: { ...requests, list: { ...requests.list, paging } } }).list(ctxOf()),
    );

    expect(facts).toMatchObject({ finding: 'its next page is the same again' });
  });

  test('that lags behind a create is given its time, so that the key is found', async () => {
    const { provider, open } = await borrowProvider({
      requests: { ...requests, list: { ...requests.list, lagMs: 5_500 } },
    });
    provider.behaviour.listLagMs = 5_000;
    provider.fail('create', faults.doneAndCut);
    await thrownBy(open().create(proposal, ctxOf()));
    expect(await open().list(ctxOf('r1', { step: 'watch' }))).toEqual([]);

    expect(await open().list(ctxOf('r1', { step: 'create' }))).toHaveLength(1);
  });

  test('that lags behind a create makes nobody believe that a key is gone', async () => {
    const { provider, open } = await borrowProvider({
      requests: { ...requests, list: { ...requests.list, lagMs: 5_500 } },
    });
    provider.behaviour.listLagMs = 5_000;
    const connection = open();
    const { identity } = await connection.create(proposal, ctxOf());

    await connection.destroy(identity, { createdBy: 'r1' }, ctxOf('r1', { step: 'destroy' }));

    expect(provider.live()).toEqual([]);
  });
});
