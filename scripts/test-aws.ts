// Runs the cases of a store and the tests of puts and labels, and the suite of the KMS keyring, against an endpoint that is
// not of our making: the one that KEYTURN_TEST_AWS_ENDPOINT names, or LocalStack where a container engine answers. Without
// either it says so, and is an error with REQUIRE_AWS=1.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { GenericContainer, Wait, getContainerRuntimeClient } from 'testcontainers';

const image = 'localstack/localstack:4';
const port = 4566;

/** What LocalStack takes for credentials: it verifies no signature. */
const anybody = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1' } as const;

/** What a person has set for an account of theirs must not reach it. */
const ofPeople = { AWS_PROFILE: undefined, AWS_SESSION_TOKEN: undefined, KEYTURN_TEST_AWS_KEY: undefined } as const;

/** An endpoint to test against, and what the processes of the tests need to speak to it. */
interface Place {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly stop: () => Promise<void>;
}

async function findPlace(): Promise<Place | string> {
  const given = process.env['KEYTURN_TEST_AWS_ENDPOINT'];
  if (given !== undefined && given !== '') return { variables: {}, stop: async () => {} };
  try {
    await getContainerRuntimeClient();
  } catch {
    return 'KEYTURN_TEST_AWS_ENDPOINT names no endpoint, and no container engine answers that could start LocalStack';
  }
  const container = await new GenericContainer(image)
    .withEnvironment({ SERVICES: 'ssm,kms' })
    .withExposedPorts(port)
    .withWaitStrategy(Wait.forHttp('/_localstack/health', port))
    .start();
  const endpoint = `http://${container.getHost()}:${container.getMappedPort(port)}`;
  return {
    variables: { ...ofPeople, ...anybody, KEYTURN_TEST_AWS_ENDPOINT: endpoint },
    stop: async () => void (await container.stop()),
  };
}

const place = await findPlace();
if (typeof place === 'string') {
  process.stdout.write(`skipped npm run test:aws: ${place}\n0 passed, 0 failed\n`);
  process.exitCode = process.env['REQUIRE_AWS'] === '1' ? 1 : 0;
} else {
  const suites = [
    ...[
      'store-cases',
      'puts',
      'try-put',
      'labels',
      'limits',
      'first',
      'examine',
      'shadow',
      'shadow-preflight',
      'shadow-people',
    ].map((name) => `test/adapters/aws/ssm-${name}.test.ts`),
    'test/adapters/keyring/kms-keyring.test.ts',
  ];
  try {
    process.exitCode = await run(suites, place);
  } finally {
    await place.stop();
  }
}

async function run(suites: readonly string[], { variables }: Place): Promise<number> {
  const child = spawn('npx', ['vitest', 'run', '--project', 'suite', ...suites], {
    stdio: 'inherit',
    env: { ...process.env, KEYTURN_TEST_LONG: '1', ...variables },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
