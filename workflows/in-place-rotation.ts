import { workflow } from 'keyturn/workflow';
import { drainInPlace } from './steps/drain-in-place.js';
import { preflight } from './steps/preflight.js';
import { propose } from './steps/propose.js';
import { retire } from './steps/retire.js';
import { stage } from './steps/stage.js';
import { swap } from './steps/swap.js';

/**
 * The life of a rotation where only one credential can live. It is chosen explicitly, because it has a gap: from the
 * moment the target takes the new value until the label names it, and for every consumer until it reads again.
 *
 * | step      | kind  | what happens                                               | live at the target | `current` | undo                          |
 * |-----------|-------|------------------------------------------------------------|--------------------|-----------|-------------------------------|
 * | preflight | gate  | current accepted? store reachable? privileges? no hold?    | old                | old       | –                             |
 * | propose   | act   | choose the value; seal it                                  | old                | old       | forget                        |
 * | stage     | act   | write the pending version (one put per rotation)           | old                | old       | retire pending                |
 * | swap      | act   | the target takes the new value, `current` -> new, one intent; then a fresh login | **new** | **new** | old value back, labels back |
 * | drain     | gate  | required consumers proved                                  | new                | new       | –                             |
 * | destroy   | final | a login with the old value is refused; sealed values go    | **new**            | new       | none                          |
 */
export default workflow('in-place-rotation', 1)
  .gate('preflight', preflight)
  .act('propose', propose)
  .act('stage', stage)
  .act('swap', swap)
  .gate('drain', drainInPlace)
  .final('destroy', retire)
  .done();
