export { type JournalCase, type JournalHarness, journalCases } from './journal-cases.js';
export { type StoreCase, type StoreHarness, storeCases } from './store-cases.js';
export { type RotatorCase, type Skip, rotatorCases } from './rotator-cases.js';
export { type RotatorHarness, type RotatorStage } from './rotator-harness.js';
export { type JudgeOptions, judgeRotator } from './rotator-judge.js';
export {
  type JudgedTarget,
  type ObligationReport,
  type RotatorReport,
  renderRotatorReport,
} from '../contract/rotator-report.js';
