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

/** Fastify looks for a plugin without this among all modules that are loaded, twice. */
export function named<P extends object>(name: string, plugin: P): P {
  return Object.assign(plugin, { [Symbol.for('fastify.display-name')]: name });
}
