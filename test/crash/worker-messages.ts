import type { Failpoint, Position } from './failpoints.js';
import type { Installation } from './installation.js';

/** What a worker process is to be. */
export interface WorkerOrder {
  readonly installation: Installation;
  /** Rotations at one time. */
  readonly concurrency: number;
  /** Null: as shipped. */
  readonly leaseMs: number | null;
  /** Null: as shipped. */
  readonly callDeadlineMs: number | null;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly points: readonly Failpoint[];
  /** Where in each webhook it stops; null: it sends them. */
  readonly stopAtWebhook: Position | null;
  /** True: every job of the queue is delivered twice, here and to the other workers. */
  readonly isTwice: boolean;
}

/** What a worker process is told. */
export type ToWorker =
  | { readonly kind: 'start'; readonly order: WorkerOrder }
  /** Lets the worker go on at the failpoint of this rotation. */
  | { readonly kind: 'go on'; readonly rotationId: string }
  /** Another worker was rung for this. */
  | { readonly kind: 'rung'; readonly about: 'rotation' | 'delivery'; readonly id: string }
  | { readonly kind: 'stop' };

/** What a worker process says. */
export type FromWorker =
  /** Its modules are loaded; it opens nothing before it is started. With what its clock says, in milliseconds. */
  | { readonly kind: 'loaded'; readonly clockMs: number }
  | { readonly kind: 'started' }
  | { readonly kind: 'reached'; readonly point: Failpoint }
  | { readonly kind: 'reached webhook'; readonly deliveryId: string }
  | { readonly kind: 'answered'; readonly point: Failpoint; readonly answer: string }
  | { readonly kind: 'called'; readonly rotationId: string; readonly effect: string }
  | { readonly kind: 'rang'; readonly about: 'rotation' | 'delivery'; readonly id: string }
  | { readonly kind: 'stopped' };
