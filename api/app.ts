import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import {
  serializerCompiler,
  validatorCompiler,
  type FastifyPluginAsyncZod,
} from 'fastify-type-provider-zod';
import type { ApiDeps } from './deps';

/** Every noun's routes; a new one is one file in routes/ and one line here. */
const ROUTES: ((deps: ApiDeps) => FastifyPluginAsyncZod)[] = [];

/** The whole HTTP interface without a socket: call `listen` or `inject` on the result. */
export async function buildApp(deps: ApiDeps): Promise<FastifyInstance> {
  const app = fastify({ loggerInstance: deps.logger as FastifyBaseLogger });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  await app.register(
    async (scope) => {
      for (const routes of ROUTES) await scope.register(routes(deps));
    },
    { prefix: '/api/v1' },
  );
  return app;
}
