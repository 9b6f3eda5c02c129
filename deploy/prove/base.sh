#!/bin/sh
# base.sh FOLDER IMAGE: makes a base image for the Dockerfile without an image registry: Debian's
# basic packages by debootstrap, and this machine's Node and npm. Needs root.
set -eu

folder=$1
image=$2
DOCKER=${DOCKER:-docker}
root=$folder/rootfs

if [ ! -e "$root/etc/debian_version" ] || [ -e "$root/debootstrap" ]; then
  rm -rf "$root"
  debootstrap --variant=minbase --include=ca-certificates "${DEBIAN_SUITE:-bookworm}" "$root" \
    >"$folder/debootstrap.log"
fi
mkdir -p "$root/usr/local/lib/node_modules" "$root/usr/local/bin"
cp "$(node -p process.execPath)" "$root/usr/local/bin/node"
rm -rf "$root/usr/local/lib/node_modules/npm"
cp -R "$(npm root --global 2>/dev/null)/npm" "$root/usr/local/lib/node_modules/npm"
ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
chroot "$root" /usr/local/bin/node --version
tar --create --one-file-system --directory="$root" --exclude=./var/cache/apt/archives/*.deb . \
  | $DOCKER import - "$image"
