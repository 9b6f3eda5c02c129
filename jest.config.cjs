const SWC = { target: 'es2022' };

module.exports = {
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { ...SWC, parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
    '^.+\\.js$': ['@swc/jest', { jsc: SWC, module: { type: 'commonjs' } }],
  },
  // These come as ES modules only; Node requires them, Jest's module loader does not on Node 20.
  transformIgnorePatterns: ['/node_modules/(?!(content-disposition|cookie)/)'],
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
};
