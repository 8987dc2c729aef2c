export { type JournalCase, type JournalHarness, journalCases } from './journal-cases.js';
export { type StoreCase, type StoreHarness, storeCases } from './store-cases.js';
export { type RotatorCase, type RotatorHarness, type RotatorStage, rotatorCases } from './rotator-cases.js';
