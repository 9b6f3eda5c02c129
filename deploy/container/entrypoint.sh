#!/bin/sh
# Hands the database's password from its file to the process alone: it is in no image, no setting of
# a container and no URL. PGPASSWORD is what the PostgreSQL client reads when the URL has none.
set -eu

if [ -n "${VIGIL_DATABASE_PASSWORD_FILE:-}" ]; then
  if ! PGPASSWORD=$(cat "$VIGIL_DATABASE_PASSWORD_FILE") || [ -z "$PGPASSWORD" ]; then
    echo "VIGIL_DATABASE_PASSWORD_FILE: $VIGIL_DATABASE_PASSWORD_FILE cannot be read or is empty;" \
      "make it with: sh deploy/make-secrets.sh" >&2
    exit 1
  fi
  export PGPASSWORD
fi

exec "$@"
