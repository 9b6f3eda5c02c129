#!/usr/bin/env bash
# Proves docker-compose.yml on a machine that reaches no image registry: makes a base image and
# stand-ins for the servers from Debian's packages, builds the Dockerfile on that base, starts the
# whole of docker-compose.yml on a Docker engine and checks it (deploy/prove/checks.mjs), then takes
# all of it down. Needs root, debootstrap, docker, docker-compose, Node and Temporal's CLI; Debian has
# the first four: apt-get install debootstrap docker.io docker-compose
#
#   DOCKER_HOST           an engine that runs; default: one is started for this and ended afterwards,
#                         which leaves the bridge docker0 and the engine's firewall chains behind
#   DOCKER, COMPOSE       the commands; default docker and docker-compose
#   VIGIL_PROOF_FOLDER    where things are kept between runs; default: a folder that is removed
#   TEMPORAL_BINARY       default: temporal on the PATH, else the one that `npm start` has cached
#   NODE_EXTRA_CA_CERTS   given to the build as a secret, where the machine needs it
#   VIGIL_NPMRC           likewise: an .npmrc
#   VIGIL_PORT_OFFSET     moves the published ports
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export DOCKER=${DOCKER:-docker} COMPOSE_PROJECT_NAME=vigil-proof DOCKER_BUILDKIT=1
COMPOSE=${COMPOSE:-docker-compose}
BASE=vigil-proof-base
offset=${VIGIL_PORT_OFFSET:-0}
export VIGIL_API_PORT=$((8000 + offset)) VIGIL_WORKER_PORT=$((8081 + offset))
export VIGIL_GITOPS_PORT=$((8082 + offset))
export VIGIL_TEMPORAL_PORT=$((7233 + offset)) VIGIL_TEMPORAL_UI_PORT=$((8233 + offset))
export POSTGRES_IMAGE=vigil-proof-postgres REDIS_IMAGE=vigil-proof-redis
export TEMPORAL_IMAGE=vigil-proof-temporal VIGIL_BASE=$BASE

step() { printf '\n== %s\n' "$*"; }
fail() {
  echo "prove: $*" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || fail 'debootstrap and the engine need root'
for command in "$DOCKER" "$COMPOSE" debootstrap node npm; do
  command -v "$command" >/dev/null || fail "$command is not installed"
done

folder=${VIGIL_PROOF_FOLDER:-$(mktemp -d /tmp/vigil-proof.XXXXXX)}
mkdir -p "$folder"
engine=
is_up=no
clean_up() {
  set +e
  if [ "$is_up" = yes ]; then $COMPOSE down --volumes --timeout 30; fi
  if [ -n "$engine" ]; then
    kill "$engine"
    tail --pid="$engine" -f /dev/null
  fi
  if [ -z "${VIGIL_PROOF_FOLDER:-}" ]; then rm -rf "$folder"; fi
}
trap clean_up EXIT

if [ -z "${DOCKER_HOST:-}" ]; then
  step 'a Docker engine of our own'
  export DOCKER_HOST=unix://$folder/docker.sock
  # A session of its own, so that Ctrl-C does not reach it before the containers are down.
  setsid dockerd --host "$DOCKER_HOST" --data-root "$folder/data" --exec-root "$folder/exec" \
    --pidfile "$folder/dockerd.pid" >"$folder/dockerd.log" 2>&1 &
  engine=$!
  for _ in $(seq 60); do
    if $DOCKER info >/dev/null 2>&1; then break; fi
    kill -0 "$engine" 2>/dev/null || fail "the engine has ended: $(tail -3 "$folder/dockerd.log")"
    sleep 0.5
  done
fi
$DOCKER version --format 'engine {{.Server.Version}}, client {{.Client.Version}}'

step 'the base image, from Debian packages'
if ! $DOCKER image inspect "$BASE" >/dev/null 2>&1; then deploy/prove/base.sh "$folder" "$BASE"; fi

step 'stand-ins for postgres, redis and temporalio/temporal'
temporal=${TEMPORAL_BINARY:-$(command -v temporal || ls -d "${XDG_CACHE_HOME:-$HOME/.cache}"/vigil/temporal/*/temporal 2>/dev/null | tail -1)}
[ -x "$temporal" ] || fail 'no temporal: set TEMPORAL_BINARY, or run npm start once'
mkdir -p "$folder/servers"
cp deploy/prove/Dockerfile deploy/prove/postgres.sh "$folder/servers/"
cp "$temporal" "$folder/servers/temporal"
for server in postgres redis temporal; do
  $DOCKER build --quiet --network host --build-arg BASE=$BASE --target "$server" \
    --tag "vigil-proof-$server" "$folder/servers"
done

step 'the images of Vigil'
secrets=()
if [ -n "${NODE_EXTRA_CA_CERTS:-}" ]; then secrets+=(--secret "id=ca,src=$NODE_EXTRA_CA_CERTS"); fi
if [ -n "${VIGIL_NPMRC:-}" ]; then secrets+=(--secret "id=npmrc,src=$VIGIL_NPMRC"); fi
for target in migrate api worker gitops agent; do
  $DOCKER build --quiet --network host "${secrets[@]}" --build-arg BASE=$BASE --target "$target" \
    --tag "vigil-$target" .
done
$DOCKER images --format '{{.Repository}} {{.Size}}' | sort

step 'docker-compose up'
sh deploy/make-secrets.sh
$COMPOSE config --quiet
is_up=yes
$COMPOSE up --no-build --detach

step 'checks'
if ! COMPOSE=$COMPOSE node deploy/prove/checks.mjs; then
  $COMPOSE ps
  $COMPOSE logs --tail=20
  fail 'a check has failed'
fi

step 'docker-compose down'
is_up=no
$COMPOSE down --volumes --timeout 30
echo 'proven'
