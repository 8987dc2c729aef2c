import { randomUUID } from 'node:crypto';
import { signedHeaders } from './signed-headers.js';

/** Which instance says where that it is there. */
export interface RegistrationOptions {
  /** Of Keyturn: `https://keyturn.internal/v1/instances`. */
  readonly url: string;
  /** `whsec_…`: the key of the consumer, which it must have. Several while it is being replaced. */
  readonly key: string | readonly string[];
  /** The name that Keyturn's configuration gives the application. */
  readonly consumer: string;
  /** Names this process among those of the application, as in its answers. */
  readonly instance: string;
  /** What this process was deployed as. */
  readonly environment: string;
  /** The paths of the secrets it reads: `/prod/billing/db`. */
  readonly secrets: readonly string[];
  /** Where this process answers challenges itself: `http://10.1.2.3:8080/keyturn`. Default: at the address of the consumer. */
  readonly address?: string;
  /** How often it says so. Milliseconds. Default 60,000. */
  readonly everyMs?: number;
  /** Told of each try that failed: the status that Keyturn answered, or the error. The next one comes by itself. */
  readonly onFailure?: (failure: {
    readonly secret: string;
    readonly status?: number;
    readonly error?: unknown;
  }) => void;
}

/** An instance that says that it is there. */
export interface Registration {
  /** Settles when it has been said for the first time, or that has failed. Never rejects. */
  readonly said: Promise<void>;
  /** Says that it goes, so that nobody waits for its proof. *Repeat*: harmless. Never rejects. */
  close(): Promise<void>;
}

/** How long one try may take. Milliseconds. */
const TIMEOUT_MS = 10_000;

/**
 * Says that this process is there, and again every minute, so that the old credential stays until it has proved. For a
 * consumer that is declared with `instances: 'registered'`. It keeps no process alive, and works without Keyturn running.
 */
export function registerInstance(options: RegistrationOptions): Registration {
  const { everyMs = 60_000 } = options;
  let closing: Promise<void> | undefined;
  const say = async (leaves: boolean): Promise<void> => {
    await Promise.all(options.secrets.map(async (path) => sayOne(options, `${options.environment}:${path}`, leaves)));
  };
  const said = say(false);
  let underWay = said;
  const timer = setInterval(() => {
    underWay = underWay.then(async () => say(false));
  }, everyMs);
  timer.unref();
  return {
    said,
    close: () => {
      clearInterval(timer);
      // What is under way first, or it would come after that it goes.
      closing ??= underWay.then(async () => say(true));
      return closing;
    },
  };
}

async function sayOne(options: RegistrationOptions, secret: string, leaves: boolean): Promise<void> {
  const { url, key, consumer, instance, address, onFailure } = options;
  const body = JSON.stringify({
    ...{ secret, consumer, instance },
    ...(leaves ? { leaves } : address === undefined ? {} : { url: address }),
  });
  try {
    const { status, body: rest } = await fetch(url, {
      method: 'POST',
      headers: signedHeaders(`instance_${randomUUID()}`, body, key),
      body,
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await rest?.cancel();
    if (status !== 202) onFailure?.({ secret, status });
  } catch (error) {
    onFailure?.({ secret, error });
  }
}
