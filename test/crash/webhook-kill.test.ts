import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { receiver, status } from '../adapters/http/receiver.js';
import { eventually } from '../support/eventually.js';
import { reportFigure } from '../support/figures.js';
import { askFor, casesOf, findingsAtRest, patienceMs } from './course.js';
import { positions } from './failpoints.js';
import { names } from './installation.js';
import { Rig } from './rig.js';

/** What the outbox knows of one webhook. */
interface Row {
  readonly deliveryId: string;
  readonly webhookId: string;
  readonly body: string;
  readonly outcome: string | null;
}

/** As if who took them still had his time: neither he nor anybody else sends them again, however long the others take. */
const hold = `UPDATE keyturn.deliveries SET next_at = clock_timestamp() + interval '1 day'
  WHERE outcome IS NULL AND delivery_id = ANY ($1)`;

/** Somebody has waited until those are due again whose sender died. */
const letTimePass = `UPDATE keyturn.deliveries SET next_at = clock_timestamp(), rung_at = NULL WHERE outcome IS NULL`;

const rowsIn = async (rig: Rig): Promise<readonly Row[]> =>
  (
    await rig.pool.query<Row>(
      `SELECT delivery_id AS "deliveryId", webhook_id AS "webhookId", body, outcome FROM keyturn.deliveries`,
    )
  ).rows;

describe('a worker that is killed while it sends webhooks', () => {
  for (const queue of ['redis', 'postgres'] as const) {
    it.skipIf(queue === 'redis' && inject('redis').url === undefined)(
      `loses none, and who gets one twice knows it by its id, on ${queue}`,
      { timeout: 600_000 },
      async (context) => {
        const hook = await receiver(status(204));
        const secrets = positions.map(() => ({ kind: 'random', scenario: 'success' }) as const);
        const rig = await Rig.open({ queue, secrets, webhookUrl: hook.url });
        onTestFinished(async () => rig.close());
        const [first, second, third] = casesOf(rig);
        const cases = [first!, second!, third!];
        const left = new Map<string, (typeof positions)[number]>();
        for (const [index, position] of positions.entries()) {
          const victim = await rig.worker({ stopAtWebhook: position });
          await askFor(rig, [cases[index]!]);
          // All of them, so that none is on its way that the test does not know of.
          const isDone = async (): Promise<boolean> =>
            (await rig.standing([cases[index]!.rotationId])).get(cases[index]!.rotationId)?.status === 'completed';
          await eventually(
            'its rotation ends, and every webhook is stopped',
            async () => {
              const told = victim.said.flatMap((message) =>
                message.kind === 'reached webhook' ? [message.deliveryId] : [],
              );
              for (const deliveryId of told) left.set(deliveryId, position);
              await rig.pool.query(hold, [told]);
              return (await isDone()) && (await rowsIn(rig)).length === left.size;
            },
            { maxMs: patienceMs },
          );
          await victim.kill();
        }
        const rows = await rowsIn(rig);
        expect(rows.map(({ outcome }) => outcome)).toEqual(rows.map(() => null));
        await rig.pool.query(letTimePass);
        await rig.worker();
        await eventually(
          'every webhook has arrived',
          async () => (await rowsIn(rig)).every(({ outcome }) => outcome === 'delivered'),
          { maxMs: patienceMs },
        );

        expect(await findingsAtRest(rig, cases)).toEqual([]);
        const key = await readFile(join(rig.installation.folder, names.webhookKey), 'utf8');
        for (const { body, headers } of hook.received) new Webhook(key).verify(body, headers);
        for (const { deliveryId, webhookId, body } of rows) {
          const arrived = hook.received.filter(({ headers }) => headers['webhook-id'] === webhookId);
          expect(arrived.map((one) => one.body)).toEqual(
            left.get(deliveryId) === 'before it is sent' ? [body] : [body, body],
          );
        }
        const told = rows.map(({ body }) => JSON.parse(body) as { type: string; data: { rotation: string } });
        for (const { rotationId } of cases) {
          const types = told.filter(({ data }) => data.rotation === rotationId).map(({ type }) => type);
          expect(types.toSorted()).toEqual(['rotation.canary', 'rotation.completed', 'rotation.promoted']);
        }
        const arrivedIds = new Set(hook.received.map(({ headers }) => headers['webhook-id']));
        const lost = rows.filter(({ webhookId }) => !arrivedIds.has(webhookId)).length;
        reportFigure(context, `webhooks whose sender was killed on ${queue}: ${rows.length}, ${lost} lost`);
      },
    );
  }
});
