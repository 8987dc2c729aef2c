import pg from 'pg';
import { localKeyring } from '../src/adapters/local-keyring/local-keyring.js';
import { renderCredential } from '../src/core/credential.js';
import { Secret } from '../src/core/secret.js';
import type { Connection, RotatorContext } from '../src/contract/rotator.js';
import postgres from '../rotators/postgres/index.js';
import { type Rig, admin, withClient } from './rig.js';

/**
 * The same outside effects as a rotation, by the same rotator and keyring, one after the other, with no journal, no
 * queue and no lease: create, stage, login, promote, disable, refused login, destroy.
 */
export class BareLoop {
  readonly #rig: Rig;
  readonly #pool: pg.Pool;
  readonly #keyring: Awaited<ReturnType<typeof localKeyring>>;
  readonly #connections: readonly Connection[];
  readonly #current: ({ readonly identity: string; readonly value: Secret; readonly rotationId: string } | null)[];
  #epoch = 0;

  private constructor(rig: Rig, keyring: Awaited<ReturnType<typeof localKeyring>>, secrets: number) {
    this.#rig = rig;
    this.#keyring = keyring;
    this.#pool = new pg.Pool({ connectionString: rig.stateUrl, max: 20 });
    this.#connections = Array.from({ length: secrets }, (_, index) => postgres.connect(this.#config(index)));
    this.#current = Array.from({ length: secrets }, () => null);
  }

  static async open(rig: Rig, secrets: number): Promise<BareLoop> {
    await withClient(rig.stateUrl, (client) =>
      client.query(`CREATE TABLE bare_versions (secret int, version text, sealed bytea, PRIMARY KEY (secret, version));
                    CREATE TABLE bare_labels (secret int, label text, version text, PRIMARY KEY (secret, label))`),
    );
    return new BareLoop(rig, await localKeyring(`${rig.folder}/keyturn.key`), secrets);
  }

  /** One rotation of the secret with this number. */
  async rotate(index: number): Promise<void> {
    const connection = this.#connections[index];
    if (connection === undefined) throw new RangeError(`there is no secret ${index}`);
    const old = this.#current[index] ?? null;
    const ctx = this.#context(index);
    const proposal = await connection.propose(old, ctx);
    if (proposal.value === undefined) throw new TypeError('the rotator chose no value');
    const credential = { identity: proposal.identity, value: proposal.value };
    await connection.create(credential, ctx);
    await this.#stage(index, ctx.rotationId, credential);
    expectAll(await connection.verify(credential, ctx), 'accepted');
    await this.#promote(index, ctx.rotationId);
    if (old !== null) {
      await connection.disable(old.identity, ctx);
      expectAll(await connection.probe(old, ctx), 'refused');
      await connection.destroy(old.identity, { createdBy: old.rotationId }, ctx);
    }
    this.#current[index] = { ...credential, rotationId: ctx.rotationId };
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
    await this.#pool.end();
  }

  async #stage(
    index: number,
    version: string,
    credential: { readonly identity: string; readonly value: Secret },
  ): Promise<void> {
    const document = renderCredential(credential, postgres.credential);
    const sealed = await this.#keyring.seal(document, {
      environment: 'bench',
      secret: `bare:${index}`,
      rotation: 'store',
      slot: version,
    });
    await this.#pool.query('INSERT INTO bare_versions VALUES ($1, $2, $3)', [index, version, Buffer.from(sealed)]);
  }

  async #promote(index: number, version: string): Promise<void> {
    await this.#pool.query(
      `INSERT INTO bare_labels VALUES ($1, 'current', $2) ON CONFLICT (secret, label) DO UPDATE SET version = excluded.version`,
      [index, version],
    );
  }

  #context(index: number): RotatorContext {
    this.#epoch += 1;
    return {
      rotationId: `bare-${this.#epoch}`,
      secret: `bare:${index}`,
      step: 'bare',
      attempt: 1,
      fence: { era: 1, epoch: this.#epoch, known: false },
      signal: new AbortController().signal,
      deadlineMs: 20_000,
      databaseTimeMs: 0,
      log: { debug: () => undefined, warn: () => undefined },
    };
  }

  #config(index: number): Parameters<typeof postgres.connect>[0] {
    return postgres.config.parse({
      endpoints: [{ host: '127.0.0.1', port: this.#rig.server.port }],
      database: 'billing',
      admin: { username: admin, password: Secret.fromText(this.#rig.adminPassword) },
      owner: `bare_${index}`,
      logins: [`bare_${index}_a`, `bare_${index}_b`],
    });
  }
}

function expectAll(answers: readonly { readonly answer: string; readonly reason?: string }[], wanted: string): void {
  const other = answers.find((each) => each.answer !== wanted);
  if (other !== undefined) throw new Error(`a login was ${other.answer}, not ${wanted}: ${other.reason ?? ''}`);
}
