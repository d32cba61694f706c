#!/usr/bin/env bash
# `make test`: everything but the lab, on all processors: first what needs neither root nor QEMU, then the rest, by sudo
# for who is not root, and then it writes nothing into the clone. Without sudo it is left out, named, and the end is a
# failure.
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

by_anybody() {
    .venv/bin/pytest -q --durations=60 -n auto -m "not lab and not xen and not spare and not ($needs_root)" tests
}

by_root() { # "$@": words before the command, and which become root.
    # File by file: what tests of a file share, a libvirt that looks at QEMU for seconds, is made once. In their order: else
    # files of few tests come last, and the longest tests stand in such; all but one processor would wait for them.
    "$@" .venv/bin/pytest -q --durations=60 -p no:cacheprovider -n auto --dist loadfile --no-loadscope-reorder -m "not lab and not xen and not spare and ($needs_root)" tests
}

if [ "$(id -u)" = 0 ]; then
    everything
    status=0
    by_anybody || status=$?
    by_root || status=$?
    exit "$status"
elif sudo -v 2>/dev/null; then
    everything
    status=0
    by_anybody || status=$?
    by_root sudo -- env PYTHONDONTWRITEBYTECODE=1 || status=$?
    exit "$status"
else
    make.d/prepare.sh venv dev
    by_anybody || true
    echo "xapid: left out, for want of root:" >&2
    .venv/bin/pytest -q --collect-only -m "not lab and not xen and not spare and ($needs_root)" tests | sed -n 's/^tests/  &/p' >&2
    exit 1
fi
