#!/usr/bin/env bash
# Puts on this machine what xapid needs: Debian packages, a user for libvirt, and the virtual environment.
# Does nothing where all is there. Only apt and useradd run as root; the virtual environment is the caller's.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat >&2 <<'USAGE'
usage: prepare.sh venv [EXTRA...]       .venv with xapid and some of its extras: dev, libvirt
       prepare.sh packages LIST...      the Debian packages in make.d/packages/LIST
       prepare.sh guests                all that guests need
USAGE
    exit 2
}

die() { echo "xapid: $*" >&2; exit 1; }
log=var/log/prepare.log

as_root() { # Runs a command as root.
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -- "$@"; fi
}

need_root() { # $@: what for. Asks for a password now, while somebody can see it.
    [ "$(id -u)" = 0 ] || sudo -v 2>/dev/null || die "this needs root, and sudo is not there or refuses: $*"
}

packages() { # $@: names of lists
    local wanted missing
    wanted=$(names "$@")
    # shellcheck disable=SC2086
    command -v dpkg-query >/dev/null || die "this is no Debian: install what corresponds to" $wanted
    # shellcheck disable=SC2086
    missing=$(comm -23 <(sort -u <<<"$wanted") <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null |
        sed -n 's/^installed //p' | sort -u))
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086
    echo "xapid: installing Debian packages:" $missing >&2
    # shellcheck disable=SC2086
    apt_install $missing
    # libvirt looks at QEMU anew, for seconds at each start, if its libraries are not of one age.
    as_root touch -c /usr/lib/*/libvirt*.so* /usr/lib/*/libvirt/connection-driver/*.so
}

names() { (cd make.d/packages && cat "$@"); }

apt_install() {
    mkdir -p "$(dirname $log)"
    need_root "apt-get install $*"
    apt install --yes --no-install-recommends "$@" && return
    # The lists are missing, or older than what the mirror has.
    apt update || die "no Debian mirror can be reached: $(complaint '^E:')"
    apt install --yes --no-install-recommends "$@" || die "apt-get could not install $*: $(complaint '^E:')"
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o APT::Update::Error-Mode=any \
        "$@" >$log 2>&1 </dev/null
}

complaint() { grep "$1" $log | tail -n 1 || true; }

pip_complaint() { # Where the index cannot be reached, pip's last word is that there is no such package.
    if grep -q 'connection broken' $log; then
        echo "no Python package index can be reached"
    else
        complaint '^ *\(ERROR\|error\):'
    fi
}

libvirt_user() { # libvirt does not open without it; the package that makes it brings a systemd.
    getent passwd libvirt-qemu >/dev/null && return
    need_root "a user libvirt-qemu"
    as_root useradd --system --user-group --no-create-home --shell /usr/sbin/nologin libvirt-qemu
}

has_headers() { # Whether C extensions can be built for the Python in use.
    "$(python)" -c 'import os, sysconfig; raise SystemExit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))'
}

python() { # Prints the Python to use.
    local found
    found=$(command -v "${PYTHON:-python3}") || die "there is no ${PYTHON:-python3}: xapid needs Python 3.11"
    "$found" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' ||
        die "$found is $("$found" --version), and xapid needs 3.11: make ... PYTHON=/path/to/python3.11"
    echo "$found"
}

can_make_venv() { # Debian has a Python without this part, and may have none.
    "${PYTHON:-python3}" -c 'import ensurepip' 2>/dev/null
}

make_venv() {
    local found
    found=$(python) || exit 1
    "$found" -m venv .venv >$log 2>&1 || die "no virtual environment: $(tail -n 1 $log)"
}

venv() { # $@: extras
    local extra target="." old=""
    for extra in base "$@"; do
        [ ".venv/.has-$extra" -nt pyproject.toml ] || old=yes
    done
    [ -n "$old" ] || return 0
    mkdir -p "$(dirname $log)"
    [ -x .venv/bin/python ] || can_make_venv || packages venv
    [ -x .venv/bin/python ] || make_venv
    [ $# = 0 ] || target=".[$(tr ' ' , <<<"$*")]"
    echo "xapid: installing Python packages into .venv: $target" >&2
    .venv/bin/pip install --disable-pip-version-check --editable "$target" >$log 2>&1 ||
        die "pip could not install $target: $(pip_complaint); the whole of it: $log"
    for extra in base "$@"; do touch ".venv/.has-$extra"; done
    # So that a daemon run as root need not write its byte code here.
    .venv/bin/python -m compileall -q xapid
}

guests() {
    need_root "guests; \`make run DRIVERS=sim\` runs without"
    packages guests
    can_make_venv || packages venv
    has_headers || packages headers
    libvirt_user
}

command=${1-}
shift || usage
case $command in
    venv | packages) "$command" "$@" ;;
    guests) guests ;;
    *) usage ;;
esac
