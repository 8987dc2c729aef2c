import { workflow } from 'keyturn/workflow';
import { canary } from './steps/canary.js';
import { create } from './steps/create.js';
import { destroy } from './steps/destroy.js';
import { disable } from './steps/disable.js';
import { drain } from './steps/drain.js';
import { preflight } from './steps/preflight.js';
import { promote } from './steps/promote.js';
import { propose } from './steps/propose.js';
import { stage } from './steps/stage.js';
import { watch } from './steps/watch.js';

/**
 * The life of a rotation where old and new can live side by side.
 *
 * | step      | kind  | what happens                                              | live at the target | `current` | undo                 |
 * |-----------|-------|-----------------------------------------------------------|--------------------|-----------|----------------------|
 * | preflight | gate  | current accepted? store reachable? privileges? no hold?   | old                | old       | –                    |
 * | propose   | act   | choose identity and value; seal the value                 | old                | old       | forget               |
 * | create    | act   | make it live at the target, tagged as ours                | old, new           | old       | destroy new          |
 * | stage     | act   | write the pending version (one put per rotation)          | old, new           | old       | retire pending       |
 * | canary    | gate  | a fresh login by us; canary consumers prove it; soak      | old, new           | old       | –                    |
 * | promote   | act   | `previous` -> old, then `current` -> new; read back       | old, new           | **new**   | labels back          |
 * | drain     | gate  | required consumers proved; old quiet; grace over          | old, new           | new       | –                    |
 * | disable   | act   | the old one is switched off reversibly, sessions ended    | new (old off)      | new       | re-enable old        |
 * | watch     | gate  | everything works without it                               | new                | new       | –                    |
 * | destroy   | final | removed; a login with it is refused; sealed values go     | **new**            | new       | none                 |
 *
 * Consumers learn of every turn by webhooks that the journal's own transaction puts into the outbox, so gates need no
 * undo of their own. A changed list is a new number; the old one stays until no open rotation carries it.
 */
export default workflow('staged-rotation', 1)
  .gate('preflight', preflight)
  .act('propose', propose)
  .act('create', create)
  .act('stage', stage)
  .gate('canary', canary)
  .act('promote', promote)
  .gate('drain', drain)
  .act('disable', disable)
  .gate('watch', watch)
  .final('destroy', destroy)
  .done();
