import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parkedCureOf } from '../../src/core/errors.js';
import type { ErrorCode } from '../../src/core/errors.js';
import { eventually } from '../support/eventually.js';
import { reportFigure } from '../support/figures.js';
import { withDatabase } from '../support/test-server.js';
import { type Case, askFor, casesOf, patienceMs } from './course.js';
import type { Failpoint } from './failpoints.js';
import { acceptsCurrent, judge } from './judge.js';
import { Rig } from './rig.js';
import type { Scenario } from './scenarios.js';
import { credentialIn } from './target.js';

type Which = 'old' | 'new';

/** What a person does at the target, to one of the two logins of a rotation. */
type AtTarget = 'gets another password' | 'is switched off' | 'is switched on' | 'is dropped';

interface Meddling {
  readonly name: string;
  /** The effect its rotation is stopped before when it happens. */
  readonly at: string;
  /** How its rotation would go otherwise. Default `success`. */
  readonly scenario?: Scenario;
  readonly act: (by: Person, about: Case) => Promise<unknown>;
  /** What it parks for; absent: it does not. */
  readonly parks?: {
    readonly code: ErrorCode;
    /** What still logs in while it waits for a person. */
    readonly valid: readonly Which[];
    readonly mend?: (by: Person, about: Case) => Promise<unknown>;
    readonly command: 'resume' | 'rollback';
  };
  /** True: it waits for the hold to be released. */
  readonly isHeld?: true;
  readonly ends: 'completed' | 'rolled_back';
}

const promote = 'store.moveCurrent in promote';
const drain = 'consumers.challenge in drain';
const disable = 'target.disable in disable';

const changes =
  (which: Which, what: AtTarget) =>
  (by: Person, { secret }: Case): Promise<unknown> =>
    by.atTarget(`${secret.name}_${which === 'old' ? 'a' : 'b'}`, what);
const moves =
  (version: number) =>
  (by: Person, { secret }: Case): Promise<unknown> =>
    by.moveCurrent(secret.id, version);

const beforeCanary = ['gets another password', 'is switched off', 'is dropped'].map(
  (what): Meddling => ({
    name: `the new login ${what} before canary: it is turned back`,
    at: 'store.putPending in stage',
    act: changes('new', what as AtTarget),
    ends: 'rolled_back',
  }),
);
const inDrain = ['gets another password', 'is switched off', 'is dropped'].map(
  (what): Meddling => ({
    name: `the new login ${what} after promote: it parks, and rolling back ends it`,
    at: drain,
    act: changes('new', what as AtTarget),
    parks: { code: 'NEW_REFUSED', valid: ['old'], command: 'rollback' },
    ends: 'rolled_back',
  }),
);
const oldInDrain = ['gets another password', 'is switched off', 'is dropped'].map(
  (what): Meddling => ({
    name: `the old login ${what} after promote: it goes on`,
    at: drain,
    act: changes('old', what as AtTarget),
    ends: 'completed',
  }),
);

const meddlings: readonly Meddling[] = [
  ...beforeCanary,
  {
    name: 'the new login gets another password between canary and promote: it parks, and rolling back ends it',
    at: promote,
    act: changes('new', 'gets another password'),
    parks: { code: 'NEW_REFUSED', valid: ['old'], command: 'rollback' },
    ends: 'rolled_back',
  },
  ...inDrain,
  ...oldInDrain,
  {
    name: 'the label `current` is moved back after promote: it parks, and resuming ends it once the label is right',
    at: drain,
    act: moves(1),
    parks: { code: 'ALIAS_MOVED', valid: ['old', 'new'], mend: moves(2), command: 'resume' },
    ends: 'completed',
  },
  {
    name: 'the label `current` is moved back while the old login is disabled: that is enabled again',
    at: disable,
    act: moves(1),
    parks: { code: 'ALIAS_MOVED', valid: ['old', 'new'], mend: moves(2), command: 'resume' },
    ends: 'completed',
  },
  {
    name: 'a hold is put between drain and disable: nothing is disabled until it is released',
    at: 'journal.append of StepIntended disable',
    act: (by, { secret }) => by.hold(secret.id),
    isHeld: true,
    ends: 'completed',
  },
  {
    name: 'a hold is put while the old login is disabled: that is enabled again',
    at: disable,
    act: (by, { secret }) => by.hold(secret.id),
    parks: {
      code: 'HELD',
      valid: ['old', 'new'],
      mend: (by, { secret }) => by.release(secret.id),
      command: 'resume',
    },
    ends: 'completed',
  },
  {
    name: 'the old login is switched on in watch: it parks, and resuming ends it once that is off',
    at: 'journal.append of GateOpened watch',
    act: changes('old', 'is switched on'),
    parks: {
      code: 'OLD_ALIVE_AGAIN',
      valid: ['old', 'new'],
      mend: changes('old', 'is switched off'),
      command: 'resume',
    },
    ends: 'completed',
  },
  {
    name: 'the old login is switched on in watch: it parks, and rolling back ends it as well',
    at: 'journal.append of GateOpened watch',
    act: changes('old', 'is switched on'),
    parks: { code: 'OLD_ALIVE_AGAIN', valid: ['old', 'new'], command: 'rollback' },
    ends: 'rolled_back',
  },
  {
    name: 'the old login is dropped before it is destroyed: it goes on',
    at: 'target.destroy in destroy',
    act: changes('old', 'is dropped'),
    ends: 'completed',
  },
  {
    name: 'the old login gets another password before the label goes back: it parks, and resuming ends it once that is right',
    at: 'journal.append of UndoIntended promote',
    scenario: 'drain refused',
    act: changes('old', 'gets another password'),
    // The label is where it was: the new one still works.
    parks: {
      code: 'UNDO_UNSAFE',
      valid: ['new'],
      mend: (by, { secret }) => by.restorePassword(`${secret.name}_a`),
      command: 'resume',
    },
    ends: 'rolled_back',
  },
  {
    name: 'the old login gets another password while the label goes back: the new one stays, and resuming ends it once that is right',
    at: 'store.moveCurrent in undo of promote',
    scenario: 'drain refused',
    act: changes('old', 'gets another password'),
    parks: {
      code: 'UNDO_UNSAFE',
      valid: ['new'],
      mend: (by, { secret }) => by.restorePassword(`${secret.name}_a`),
      command: 'resume',
    },
    ends: 'rolled_back',
  },
];

/** Somebody with every right on both servers, and no idea of Keyturn. */
class Person {
  readonly #rig: Rig;
  readonly #target: pg.Client;
  readonly #verifiers = new Map<string, string>();

  constructor(rig: Rig, target: pg.Client) {
    this.#rig = rig;
    this.#target = target;
  }

  async atTarget(login: string, what: AtTarget): Promise<void> {
    const role = pg.escapeIdentifier(login);
    if (what === 'gets another password') {
      const { rows } = await this.#target.query<{ readonly rolpassword: string }>(
        'SELECT rolpassword FROM pg_authid WHERE rolname = $1',
        [login],
      );
      this.#verifiers.set(login, rows[0]?.rolpassword ?? '');
    }
    const statements: Readonly<Record<AtTarget, string>> = {
      'gets another password': `ALTER ROLE ${role} PASSWORD 'a persons own idea'`,
      'is switched off': `ALTER ROLE ${role} NOLOGIN`,
      'is switched on': `ALTER ROLE ${role} LOGIN`,
      'is dropped': `DROP ROLE ${role}`,
    };
    await this.#target.query(statements[what]);
  }

  async restorePassword(login: string): Promise<void> {
    const verifier = pg.escapeLiteral(this.#verifiers.get(login) ?? '');
    await this.#target.query(`ALTER ROLE ${pg.escapeIdentifier(login)} PASSWORD ${verifier}`);
  }

  async moveCurrent(secret: string, version: number): Promise<void> {
    await this.#rig.pool.query(`UPDATE keyturn.labels SET version = $2 WHERE secret = $1 AND label = 'current'`, [
      secret,
      version,
    ]);
  }

  async hold(secret: string): Promise<void> {
    await this.#rig.state.operations.hold({ secret, by: 'local:test', reason: 'a test' });
  }

  async release(secret: string): Promise<void> {
    await this.#rig.state.operations.release({ secret, by: 'local:test', reason: 'a test' });
  }
}

describe('what people do between the steps of a rotation', () => {
  let rig: Rig;
  let target: pg.Client;
  let person: Person;
  let cases: readonly Case[];
  let count = 0;

  beforeAll(async () => {
    const secrets = meddlings.map(({ scenario = 'success' }) => ({ kind: 'two-role', scenario }) as const);
    rig = await Rig.open({ queue: 'postgres', secrets });
    target = new pg.Client(withDatabase(rig.straight.stateUrl, 'postgres'));
    await target.connect();
    person = new Person(rig, target);
    cases = casesOf(rig);
    const points = cases.map(
      ({ rotationId, secret }, index): Failpoint => ({
        rotationId,
        secret: secret.id,
        effect: meddlings[index]!.at,
        position: 'before it is sent',
        resumable: true,
      }),
    );
    // However long people take, it must not lose its lease meanwhile and go on elsewhere.
    const worker = await rig.worker({ concurrency: cases.length, points, leaseMs: 900_000 });
    await askFor(rig, cases);
    await eventually('it has come to its points', () => worker.reached.length >= cases.length, { maxMs: patienceMs });
    for (const [index, each] of cases.entries()) await meddlings[index]!.act(person, each);
    for (const { rotationId } of cases) worker.send({ kind: 'go on', rotationId });
  }, 600_000);

  afterAll(async () => {
    await target.end();
    await rig.close();
  }, 600_000);

  const accepts = async ({ secret }: Case, which: Which): Promise<boolean> => {
    const stored = await rig.store.readCurrent(secret.id, which === 'old' ? 1 : 2);
    return stored !== null && rig.targets.accepts('two-role', credentialIn(stored.value, secret));
  };

  const parked = async (about: Case, parks: NonNullable<Meddling['parks']>): Promise<void> => {
    const { rotationId } = about;
    const standing = (await rig.atRest([rotationId])).get(rotationId);
    expect(standing).toMatchObject({ status: 'parked', code: parks.code });
    for (const which of parks.valid) expect(await accepts(about, which), `${which} is accepted`).toBe(true);
    const events = await rig.state.views.events(rotationId, 0);
    const last = events.map(({ event }) => event).findLast(({ kind }) => kind === 'Parked');
    if (last?.kind !== 'Parked') throw new Error('it is parked without saying why');
    expect(parkedCureOf(last.code, last.facts)).toContain(`keyturn ${parks.command} ${rotationId}`);
    await parks.mend?.(person, about);
    await rig.state.operations.command({ rotationId, kind: parks.command, by: 'local:test', reason: 'a test' });
    await eventually(
      'it has taken the command',
      async () => (await rig.standing([rotationId])).get(rotationId)?.status !== 'parked',
      { maxMs: patienceMs },
    );
  };

  const held = async (about: Case): Promise<void> => {
    const { rotationId, secret } = about;
    await eventually(
      'it waits because of the hold',
      async () =>
        (await rig.state.views.events(rotationId, 0)).some(
          ({ event }) => event.kind === 'GateWaiting' && event.why === 'held',
        ),
      { maxMs: patienceMs },
    );
    for (const which of ['old', 'new'] as const) expect(await accepts(about, which)).toBe(true);
    await person.release(secret.id);
  };

  for (const [index, { name, parks, isHeld, ends }] of meddlings.entries()) {
    it(name, { timeout: 600_000 }, async () => {
      const about = cases[index]!;
      const { rotationId, secret } = about;
      if (parks !== undefined) await parked(about, parks);
      if (isHeld === true) await held(about);
      const standing = (await rig.atRest([rotationId])).get(rotationId);
      const scenario = ends === 'completed' ? 'success' : 'drain refused';
      expect(await judge(rig, { rotationId, secret: { ...secret, scenario } }, standing)).toEqual([]);
      expect(await acceptsCurrent(rig, secret)).toBe(true);
      count += 1;
    });
  }

  it('ends as promised each time', (context) => {
    reportFigure(context, `surroundings, people between steps: ${meddlings.length} faults, ${count} ended as promised`);
    expect(count).toBe(meddlings.length);
  });
});
