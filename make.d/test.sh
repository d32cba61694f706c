#!/usr/bin/env bash
# `make test`: everything but the lab. As root in one go. Otherwise what needs root runs by sudo, and writes nothing into
# the clone; without sudo it is left out, named, and the end is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

needs_root="libvirt or root"

everything() { # Makes ready what all tests need.
    make.d/prepare.sh guests
    make.d/prepare.sh packages tests
    make.d/prepare.sh venv dev libvirt
    # Made before the tests, so that no test is the one that waits for it.
    .venv/bin/python -c 'from tests.demo_guest import demo_guest; demo_guest()'
}

if [ "$(id -u)" = 0 ]; then
    everything
    .venv/bin/pytest -q -m "not lab" tests
elif sudo -v 2>/dev/null; then
    everything
    .venv/bin/pytest -q -m "not lab and not ($needs_root)" tests
    sudo -- env PYTHONDONTWRITEBYTECODE=1 .venv/bin/pytest -q -p no:cacheprovider -m "not lab and ($needs_root)" tests
else
    make.d/prepare.sh venv dev
    .venv/bin/pytest -q -m "not lab and not ($needs_root)" tests || true
    echo "xapid: left out, for want of root:" >&2
    .venv/bin/pytest -q --collect-only -m "not lab and ($needs_root)" tests | sed -n 's/^tests/  &/p' >&2
    exit 1
fi
