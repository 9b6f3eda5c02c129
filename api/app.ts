import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import {
  serializerCompiler,
  validatorCompiler,
  type FastifyPluginAsyncZod,
} from 'fastify-type-provider-zod';
import { guard } from './auth/access';
import { readToken } from '../platform/bearer-token';
import type { ApiDeps } from './deps';
import { renderError, renderNotFound } from './error-handler';
import { named } from './plugin';
import { problemAnswer } from './problems';
import { requestIdOf } from './request-id';
import { measureDrift } from './drift-metrics';
import { measureHolds } from './hold-metrics';
import { measureRequests } from './request-metrics';
import { actionRoutes } from './routes/actions';
import { agentRoutes } from './routes/agents';
import { approvalLinkRoutes } from './routes/approval-links';
import { approvalRoutes } from './routes/approvals';
import { auditRoutes } from './routes/audit';
import { registerDocs } from './routes/docs';
import { driftRoutes } from './routes/drift';
import { evaluateRoutes } from './routes/evaluate';
import { eventRoutes } from './routes/events';
import { healthRoutes } from './routes/health';
import { hostRoutes } from './routes/hosts';
import { ingestRoutes } from './routes/ingest';
import { manifestRoutes } from './routes/manifests';
import { noticeRoutes } from './routes/notices';
import { overrideRoutes } from './routes/overrides';
import { pauseRoutes } from './routes/pauses';
import { policyRoutes } from './routes/policies';
import { policyChangeRoutes } from './routes/policy-changes';
import { policyEffectivenessRoutes } from './routes/policy-effectiveness';
import { policyEvaluateRoutes } from './routes/policy-evaluate';
import { queryRoutes } from './routes/query';
import { queueRoutes } from './routes/queue';
import { resourceRoutes } from './routes/resources';
import { revisionRoutes } from './routes/revisions';
import { sourceRoutes } from './routes/sources';
import { stateRoutes } from './routes/state';
import { whyRoutes } from './routes/why';
import { safeUrl } from './safe-url';

/** Every noun's routes; a new one is one file in routes/ and one line here. */
const ROUTES: ((deps: ApiDeps) => FastifyPluginAsyncZod)[] = [
  ingestRoutes,
  queryRoutes,
  actionRoutes,
  approvalRoutes,
  approvalLinkRoutes,
  resourceRoutes,
  whyRoutes,
  evaluateRoutes,
  policyRoutes,
  policyChangeRoutes,
  policyEvaluateRoutes,
  policyEffectivenessRoutes,
  pauseRoutes,
  manifestRoutes,
  revisionRoutes,
  sourceRoutes,
  driftRoutes,
  stateRoutes,
  overrideRoutes,
  agentRoutes,
  hostRoutes,
  auditRoutes,
  eventRoutes,
  queueRoutes,
  noticeRoutes,
];

const PROBLEM = {
  description: 'RFC 9457 problem',
  content: { 'application/problem+json': { schema: problemAnswer } },
};

/** The whole HTTP interface without a socket: call `listen` or `inject` on the result. Throws ConfigError. */
export async function buildApp(deps: ApiDeps): Promise<FastifyInstance> {
  const { config } = deps;
  const token = readToken('api', config);
  const logger: FastifyBaseLogger = deps.logger;
  const app: FastifyInstance = fastify({
    loggerInstance: logger,
    bodyLimit: config.bodyLimit,
    logController: new LogController({
      disableRequestLogging: true,
      requestIdLogLabel: 'requestId',
    }),
    requestIdHeader: false,
    genReqId: ({ headers }) => requestIdOf(headers),
    forceCloseConnections: true,
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(renderError);
  app.setNotFoundHandler(renderNotFound);
  traceRequests(app);
  measureRequests(app, deps);
  measureHolds(deps);
  measureDrift(deps);
  await protect(app, deps);
  guard(app, { token, host: config.host });

  await registerDocs(app, deps.version);
  await app.register(named('healthRoutes', healthRoutes(deps)));
  await registerRoutes(app, deps, { prefix: '/api/v1', isHidden: false });
  await registerRoutes(app, deps, { prefix: '', isHidden: true });
  return app;
}

/** The request id goes back to the caller; who changed something, and what failed, is in the log. */
function traceRequests(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onResponse', ({ log, method, url, actor }, { statusCode, elapsedTime }, done) => {
    const line = { method, url: safeUrl(url), actor, statusCode, elapsedMs: elapsedTime };
    log.debug(line, 'request answered');
    done();
  });
}

async function protect(app: FastifyInstance, { config, redis }: ApiDeps): Promise<void> {
  await app.register(helmet, {
    // Answered over plain HTTP as well: nothing may be upgraded to a port that does not speak TLS.
    hsts: false,
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        styleSrc: ["'self'", "'unsafe-inline'"],
        frameAncestors: ["'none'"],
        objectSrc: ["'none'"],
      },
    },
  });
  await app.register(rateLimit, {
    max: config.rateLimit,
    timeWindow: 60_000,
    nameSpace: 'vigil:rate-limit:',
    // While Redis is away nobody is limited: better than nobody served.
    skipOnError: true,
    ...(redis === null ? {} : { redis: redis.client }),
  });
}

async function registerRoutes(
  app: FastifyInstance,
  deps: ApiDeps,
  { prefix, isHidden }: { prefix: string; isHidden: boolean },
): Promise<void> {
  await app.register(
    named(`routes of ${prefix}/`, async (scope: FastifyInstance) => {
      scope.addHook('onRoute', (route) => {
        const { schema } = route;
        const response = {
          ...(schema?.response ?? {}),
          '4xx': PROBLEM,
          '5xx': PROBLEM,
        };
        route.schema = { ...schema, response, ...(isHidden ? { hide: true } : {}) };
      });
      for (const routes of ROUTES) await scope.register(named(routes.name, routes(deps)));
    }),
    { prefix },
  );
}
