#!/bin/bash
# tools/setup.sh demo|test: put in place what the demo or the tests need, and nothing that is there.
# tools/setup.sh spent: the seconds that the last set-up took, once; then 0.
set -euo pipefail
cd "$(dirname "$0")/.."
VENV=.venv
SPENT=$VENV/.setup-seconds

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

if [ "${1:-}" = spent ]; then
    cat "$SPENT" 2>/dev/null || echo 0
    rm -f "$SPENT"
    exit 0
fi

LEVEL=${1:-demo}
BEGUN=$(date +%s)
case $LEVEL in
    demo) LOCK=requirements-demo.lock ;;
    test) LOCK=requirements.lock ;;
    *) fail "say demo or test, not $LEVEL" ;;
esac

command -v python3 >/dev/null || fail "python3 is missing: apt-get install python3"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed; this is $(python3 --version)"

# Debian packages, only those that are missing.
wanted=()
python3 -c 'import ensurepip, venv' 2>/dev/null ||
    wanted+=("python$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv")
# /sbin is not on everybody's path
libraries=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null || true)
[[ $libraries == *libmagic.so.1* ]] || wanted+=(libmagic1)  # neonize's python-magic loads it
[[ $libraries == *libpangoft2-1.0.so.0* ]] || wanted+=(libpangoft2-1.0-0)  # WeasyPrint: PDFs
[[ $libraries == *libharfbuzz-subset.so.0* ]] || wanted+=(libharfbuzz-subset0)
command -v fc-list >/dev/null && [ -n "$(fc-list 'Noto Naskh Arabic' 2>/dev/null)" ] ||
    wanted+=(fontconfig fonts-noto-core)  # Urdu in Naskh, for PDFs and screenshots
command -v fc-list >/dev/null && [ -n "$(fc-list 'Noto Color Emoji' 2>/dev/null)" ] ||
    wanted+=(fonts-noto-color-emoji)  # chats are full of them; without it a PDF has boxes, and no text there
chromium=here
if [ "$LEVEL" = test ]; then
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || wanted+=(postgresql)
    if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then
        # Ubuntu's chromium package is a snap, which runs in no container: Playwright's own there
        if grep -qs '^ID=ubuntu' /etc/os-release; then chromium=playwright; else wanted+=(chromium); fi
    fi
fi
if [ ${#wanted[@]} -gt 0 ]; then
    command -v apt-get >/dev/null || fail "please install: ${wanted[*]}"
    as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "as root, run: apt-get install ${wanted[*]}"
        as_root=(sudo)
    fi
    say "apt-get install ${wanted[*]}"
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get update -qq >&2
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${wanted[@]}" >&2
fi

# Python packages: exactly those of the lock file, checked by hash.
if ! "$VENV/bin/python" -c pass 2>/dev/null; then
    say "virtual environment in $VENV ($(python3 --version))"
    python3 -m venv --clear "$VENV"
fi
say "$(grep -c '==' $LOCK) Python packages of $LOCK; half a minute when they are new"
# not compiled: what is used is compiled when it is first imported, and most never is (-8 s)
PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 \
    "$VENV/bin/python" -m pip install --quiet --no-compile --only-binary :all: --require-hashes -r "$LOCK" >&2
"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile \
    --no-deps --no-build-isolation --editable . >&2
if [ "$chromium" = playwright ]; then
    say "Chromium, through Playwright"
    "$VENV/bin/playwright" install --with-deps chromium-headless-shell >&2
fi

touch "$VENV/.$LEVEL"
[ "$LEVEL" = test ] && touch "$VENV/.demo"  # the tests' packages hold the demo's
echo $(($(date +%s) - BEGUN)) >"$SPENT"
say "done in $(cat "$SPENT") s"
