// Loaded before anything else by every test file, and by child processes with `node --import`.
import { plantCanary } from './canary.mjs';

plantCanary();
