#!/bin/sh
# Makes the secrets of docker-compose.yml in deploy/secrets; those that exist stay as they are.
set -eu

folder=$(dirname "$0")/secrets
mkdir -p "$folder"
# Only you may enter the folder. The files can be read by anybody who gets there: Compose shows them
# to containers as they are, and the users inside have other numbers than you.
chmod 700 "$folder"
for name in api_token approval_key database_password; do
  if [ -s "$folder/$name" ]; then continue; fi
  umask 077
  head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n' >"$folder/$name.new"
  chmod 444 "$folder/$name.new"
  mv "$folder/$name.new" "$folder/$name"
  echo "made $folder/$name"
done
