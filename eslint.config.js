import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

// What one file may import from which other is not asked here but in test/architecture/imports.test.ts,
// which knows the whole tree. The linter keeps what can be said of a single file.

const noPromises = [
  {
    selector: ':function[async=true]',
    message: 'Synchronous by design: yield the request as data, the engine awaits it.',
  },
  { selector: 'AwaitExpression', message: 'Synchronous by design: yield the request as data, the engine awaits it.' },
  { selector: 'ForOfStatement[await=true]', message: 'Synchronous by design.' },
  {
    selector: 'Identifier[name=/^Promise(Like)?$/]',
    message: 'Synchronous by design: no promise is made, taken or named here.',
  },
];

const noEnvironment = {
  selector: 'MemberExpression[object.name=process][property.name=env]',
  message:
    'Configuration is parsed once, at the door: only src/main.ts and *-process.ts entry files read the environment.',
};

const noEnvironmentImport = {
  name: 'node:process',
  importNames: ['env'],
  message:
    'Configuration is parsed once, at the door: only src/main.ts and *-process.ts entry files read the environment.',
};

export default defineConfig(
  globalIgnores(['dist/', 'dist.*/', 'coverage/', '.stryker-tmp/', 'node_modules/', '.keyturn/']),
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // A forgotten await is a lost rotation.
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, allowDefaultCaseForExhaustiveSwitch: true },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // An adapter answers a port's promise without always having something to await.
      '@typescript-eslint/require-await': 'off',
      // A generator that ends before its first request still is one.
      'require-yield': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/main.ts', 'src/**/*-process.ts'],
    rules: {
      'no-restricted-syntax': ['error', noEnvironment],
      'no-restricted-imports': ['error', { paths: [noEnvironmentImport] }],
    },
  },
  {
    files: ['src/engine/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        noEnvironment,
        {
          selector: ':function[generator=true][async=true]',
          message: "The engine's generators are synchronous: the simulator answers them without a promise.",
        },
        {
          selector: ':function[generator=true] > BlockStatement Identifier[name=/^Promise(Like)?$/]',
          message: "The engine's generators are synchronous: the simulator answers them without a promise.",
        },
      ],
    },
  },
  {
    files: ['src/core/**/*.ts', 'src/contract/workflow.ts', 'workflows/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', noEnvironment, ...noPromises] },
  },
  {
    files: ['src/core/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...noPromises,
        { selector: 'ImportExpression', message: 'The core imports nothing but itself.' },
      ],
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^[^.]', message: 'The core imports nothing but itself, not even node:.' }] },
      ],
      'no-restricted-globals': [
        'error',
        ...['Date', 'Intl', 'performance', 'process', 'crypto', 'fetch', 'console', 'globalThis', 'queueMicrotask'],
        ...['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'],
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Decisions are pure: randomness comes in as a fact.' },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // A test reads what it has just arranged, and a rejected promise is often what it is about.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['test/types/**/*.test-d.ts'],
    rules: {
      // What follows from a line that must not compile has no type, and is there for the compiler alone.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
  {
    files: ['bench/**/*.ts', 'examples/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
);
