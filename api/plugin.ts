import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';

/** A plugin out of a function that only registers routes and awaits nothing. */
export function plugin(
  register: (app: Parameters<FastifyPluginAsyncZod>[0]) => void,
): FastifyPluginAsyncZod {
  return (app) => {
    register(app);
    return Promise.resolve();
  };
}
