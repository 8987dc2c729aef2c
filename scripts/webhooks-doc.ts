import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ackShape } from '../src/api/ack-shape.js';
import { instanceShape } from '../src/api/instance-shape.js';

/** The folder that holds the schemas. */
export const folder = fileURLToPath(new URL('../docs/webhooks/', import.meta.url));

const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  .meta({ format: 'date-time' });
const timestamp = time.describe("The database's time of what happened.");
const environment = z.string().describe('The environment the secret belongs to.');
const secret = z.string().describe('environment:/path of the secret.');
const rotation = z.string().describe('The id of the rotation.');
const sequence = z
  .int()
  .min(1)
  .describe('Rises with every webhook of a secret: a lower one than the last seen is old news.');

/** What goes to the endpoints of an environment about rotations. */
const rotationWebhook = z
  .strictObject({
    type: z.enum([
      'rotation.canary',
      'rotation.promoted',
      'rotation.completed',
      'rotation.rolled_back',
      'rotation.parked',
    ]),
    timestamp,
    data: z.strictObject({
      environment,
      secret,
      rotation,
      version: z
        .int()
        .min(1)
        .nullable()
        .describe('You should be on this version, as far as this rotation decides it; null: it decides nothing.'),
      code: z.string().nullable().describe('Why it turned back or was parked; docs/errors.md has them all.'),
      sequence,
    }),
  })
  .meta({
    title: 'A webhook about a rotation',
    description: 'Sent to the webhook endpoints of an environment. It informs, and asks nothing.',
  });

/** What goes to a consumer, and is answered by a proof. */
const challenge = z
  .strictObject({
    type: z.enum(['rotation.canary', 'rotation.promoted']),
    timestamp,
    data: z.strictObject({
      environment,
      secret,
      rotation,
      version: z.int().min(1).describe('To be tried (canary), or to be used from now on (drain).'),
      phase: z.enum(['canary', 'drain']),
      nonce: z.string().min(16).describe('For one proof, of one instance of this consumer.'),
    }),
  })
  .meta({
    title: 'A challenge to a consumer',
    description: 'Sent to the address of a consumer, which answers with a proof: docs/consumers.md.',
  });

/** What goes to the endpoints of an environment about a secret whose rotation is late. */
const overdue = z
  .strictObject({
    type: z.literal('secret.overdue'),
    timestamp,
    data: z.strictObject({
      environment,
      secret,
      dueAt: time.describe('The due time since when no rotation has completed.'),
      sequence,
    }),
  })
  .meta({
    title: 'A secret is overdue',
    description: 'Sent to the webhook endpoints of an environment, and again each time as long has passed.',
  });

/** What goes to the endpoints of an environment about a credential that strangers have. */
const exposed = z
  .strictObject({
    type: z.literal('secret.exposed'),
    timestamp,
    data: z.strictObject({ environment, secret, rotation, sequence }),
  })
  .meta({
    title: 'A secret is exposed',
    description: 'Sent to the webhook endpoints of an environment when a rotation begins for what strangers have.',
  });

/** What goes to the endpoints of an environment about the policies of plain parameters. */
const parameterWebhook = z
  .strictObject({
    type: z.enum(['parameter.expiring', 'parameter.expired', 'parameter.unchanged']),
    timestamp,
    data: z.strictObject({
      environment,
      parameter: z.string().describe('environment:/path of the parameter.'),
      version: z.int().min(1).describe('Its newest version, whose policies these are.'),
      dueAt: time.describe('When the policy asked for it.'),
      sequence: z.int().min(1).describe('Rises with every webhook of a parameter.'),
    }),
  })
  .meta({ title: 'A webhook about a parameter', description: 'Sent to the webhook endpoints of an environment.' });

/** What goes to the endpoints of an environment when a plain parameter has a new version. */
const change = z
  .strictObject({
    type: z.literal('parameter.changed'),
    timestamp,
    data: z.strictObject({
      environment,
      parameter: z.string().describe('environment:/path of the parameter.'),
      version: z.int().min(1).describe('The new one: you should be on it.'),
      sequence: z.int().min(1).describe('Rises with every webhook of a parameter.'),
    }),
  })
  .meta({ title: 'A plain parameter has changed', description: 'Sent to the webhook endpoints of an environment.' });

/** What `keyturn deliveries ping` sends. */
const ping = z
  .strictObject({
    type: z.literal('test.ping'),
    timestamp,
    data: z.strictObject({ environment, endpoint: z.string().describe('The name of the endpoint it is sent to.') }),
  })
  .meta({ title: 'A trial of an endpoint', description: 'It is about nothing; any 2xx says that webhooks arrive.' });

/** Everything that Keyturn sends, and what it takes in answer later, by the name of its file. */
export const webhookSchemas = {
  rotation: rotationWebhook,
  challenge,
  overdue,
  exposed,
  ack: ackShape,
  instance: instanceShape,
  parameter: parameterWebhook,
  change,
  ping,
} as const;

/** The files as they should be: by name, the JSON Schema in it. */
export function schemaFiles(): Readonly<Record<string, object>> {
  return Object.fromEntries(
    Object.entries(webhookSchemas).map(([name, schema]) => [`${name}.schema.json`, z.toJSONSchema(schema)]),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(folder, { recursive: true });
  for (const [name, schema] of Object.entries(schemaFiles())) writeFileSync(join(folder, name), JSON.stringify(schema));
}
