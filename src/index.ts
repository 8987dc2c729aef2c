export {
  type ConfigInput,
  type CheckInput,
  type ConsumerInput,
  type Duration,
  type EnvironmentInput,
  type KeyringInput,
  type KmsInput,
  type PolicyInput,
  type SecretInput,
  type SettingInput,
  type TargetInput,
  type WebhookInput,
  defineConfig,
} from './config/define.js';
export { type Reference, env, file, store } from './config/references.js';
export { type Isolated, type IsolatedInput, type RotatorModule, isolated } from './config/isolated.js';
