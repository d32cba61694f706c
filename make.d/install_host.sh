#!/usr/bin/env bash
# `make install-host`: xapid for systemd, below DESTDIR. Replaces an older one at once; settings that are there stay.
set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "xapid: $*" >&2; exit 1; }
[ $# = 2 ] || die "usage: install_host.sh DESTDIR PREFIX"
dest=$1
prefix=$2
case $prefix in /*) ;; *) die "PREFIX must be an absolute path, and is $prefix" ;; esac
[ -z "$dest" ] || { mkdir -p "$dest" && dest=$(cd "$dest" && pwd); }
place=$dest$prefix
log=$(mktemp)
trap 'rm -rf "$log" "$place.new"' EXIT

if [ -z "$dest" ]; then
    [ "$(id -u)" = 0 ] || die "installing on this host needs root"
    make.d/prepare.sh guests
    make.d/prepare.sh packages venv
fi

rm -rf "$place.new"
mkdir -p "$(dirname "$place")"
"${PYTHON:-python3}" -m venv "$place.new" >"$log" 2>&1 || die "no virtual environment: $(tail -n 1 "$log")"
"$place.new/bin/pip" install --disable-pip-version-check --no-compile ".[libvirt]" >"$log" 2>&1 ||
    die "pip could not install xapid[libvirt]: $(grep '^ *\(ERROR\|error\):' "$log" | tail -n 1)"
rm -rf build
# Scripts name the place they were made in; byte code too.
grep -rlIF "$place.new" "$place.new/bin" "$place.new/pyvenv.cfg" | xargs sed -i "s#$place.new#$prefix#g"
"$place.new/bin/python" -m compileall -qf -s "$place.new" -p "$prefix" "$place.new/lib"
rm -rf "$place.old"
[ ! -e "$place" ] || mv "$place" "$place.old"
mv "$place.new" "$place"
rm -rf "$place.old"

units=$dest/usr/lib/systemd/system
for unit in systemd/*.service systemd/*.socket; do install -D -m 644 "$unit" "$units/$(basename "$unit")"; done
install -D -m 755 systemd/shutdown "$dest/opt/xensource/libexec/shutdown"
sed -i "s#/opt/xapid#$prefix#g" "$units"/xapid*.service "$dest/opt/xensource/libexec/shutdown"
install -D -m 644 docs/man/xapid.8 "$dest/usr/share/man/man8/xapid.8"
install -D -m 644 docs/man/xapid.toml.5 "$dest/usr/share/man/man5/xapid.toml.5"
[ -e "$dest/etc/pam.d/xapi" ] || install -D -m 644 etc/pam.d/xapi "$dest/etc/pam.d/xapi"
[ -e "$dest/etc/xapid/xapid.toml" ] || install -D -m 644 etc/xapid.toml "$dest/etc/xapid/xapid.toml"
# In a tree for elsewhere, or without systemd, nobody is there to be told.
[ -n "$dest" ] || [ ! -d /run/systemd/system ] || systemctl daemon-reload
echo "xapid is in $place; its settings are in $dest/etc/xapid/xapid.toml."
