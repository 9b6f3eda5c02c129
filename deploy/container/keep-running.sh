#!/bin/sh
# keep-running.sh COMMAND [ARGUMENT…]: runs a command and starts it anew whenever it ends by itself.
#
# For the worker. When the first process of a container ends, the kernel ends all others in it: what
# the worker has started, and the agent, which shares its processes. A crash must not cost them.
# SIGTERM and SIGINT are passed on, and then the command's exit code is the script's.
set -u

MAX_DELAY_SECONDS=30
# After so long a crash counts as a first one again.
CALM_SECONDS=60

child=
is_stopping=no
stop() {
  is_stopping=yes
  if [ -n "$child" ]; then kill -TERM "$child" 2>/dev/null; fi
}
trap stop TERM INT

delay=1
while [ "$is_stopping" = no ]; do
  started_at=$(date +%s)
  "$@" &
  child=$!
  wait "$child"
  code=$?
  # A signal interrupts the wait, not the command.
  while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    code=$?
  done
  child=
  if [ "$is_stopping" = yes ]; then exit "$code"; fi
  if [ $(($(date +%s) - started_at)) -ge "$CALM_SECONDS" ]; then delay=1; fi
  echo "$1 ended with $code; it is started again in ${delay}s" >&2
  sleep "$delay" &
  wait $!
  delay=$((delay * 2))
  if [ "$delay" -gt "$MAX_DELAY_SECONDS" ]; then delay=$MAX_DELAY_SECONDS; fi
done
