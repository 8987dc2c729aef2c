import { randomBytes } from 'node:crypto';
import type { AppCounters, AppOrder } from './app/app-protocol.js';
import type { RunningApp } from './app/start-app.js';
import { type AppKey, names, appKeys } from './parts.js';

/** The applications of the demo, each in a process of its own. */
export class Cast {
  readonly #apps: ReadonlyMap<AppKey, RunningApp>;

  private constructor(apps: ReadonlyMap<AppKey, RunningApp>) {
    this.#apps = apps;
  }

  /** Starts all of them. `started` is told of each, also of those that begin before another fails. */
  static async start(start: (key: AppKey) => Promise<RunningApp>, started: (app: RunningApp) => void): Promise<Cast> {
    const starting = appKeys.map(async (key): Promise<readonly [AppKey, RunningApp]> => {
      const app = await start(key);
      started(app);
      return [key, app];
    });
    // Everybody is waited for: one that comes late is taken down as well.
    await Promise.allSettled(starting);
    return new Cast(new Map(await Promise.all(starting)));
  }

  app(key: AppKey): RunningApp {
    const app = this.#apps.get(key);
    if (app === undefined) throw new TypeError(`there is no application ${key}`);
    return app;
  }

  get pids(): readonly number[] {
    return [...this.#apps.values()].map(({ pid }) => pid);
  }

  /** What all of them have lived through together. */
  counters(): AppCounters {
    return sumOf(appKeys.map((key) => [key, this.app(key).counters()]));
  }

  /** False once the process of any of them has ended. */
  areRunning(): boolean {
    return [...this.#apps.values()].every((app) => app.isRunning());
  }

  /** False where any of them died before it gave its last report. */
  haveFinished(): boolean {
    return [...this.#apps.values()].every((app) => app.hasFinished());
  }

  /** Lets all of them finish what they are doing. *Returns* what they have lived through. */
  async finish(): Promise<AppCounters> {
    const finishing = appKeys.map(async (key) => [key, await this.app(key).finish()] as const);
    return sumOf(await Promise.all(finishing));
  }
}

/** How each application is told to work. */
export const loadOf: Readonly<Record<AppKey, AppOrder['load']>> = {
  canary: 'light',
  next: 'light',
  app: 'busy',
  reports: 'light',
};

/** One key for each application: none can answer for another. */
export function makeConsumerKeys(): Readonly<Record<AppKey, string>> {
  const key = (): string => `whsec_${randomBytes(32).toString('base64')}`;
  return { canary: key(), next: key(), app: key(), reports: key() };
}

/** Of the version, which is each application's own, that of the busy one stands. */
function sumOf(counted: readonly (readonly [AppKey, AppCounters])[]): AppCounters {
  const sum = (of: (each: AppCounters) => number): number => counted.reduce((total, [, each]) => total + of(each), 0);
  return {
    queries: sum(({ queries }) => queries),
    payments: sum(({ payments }) => payments),
    freshLogins: sum(({ freshLogins }) => freshLogins),
    failures: sum(({ failures }) => failures),
    failedWith: counted.flatMap(([key, { failedWith }]) =>
      failedWith.map((what) => `${names.consumers[key]}: ${what}`),
    ),
    moves: sum(({ moves }) => moves),
    challenges: sum(({ challenges }) => challenges),
    webhooks: sum(({ webhooks }) => webhooks),
    version: counted.find(([key]) => key === 'app')?.[1].version ?? null,
  };
}
