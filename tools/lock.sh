#!/bin/bash
# Write the lock files from pyproject.toml: every package with its hashes, and no registry's host.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
    .venv/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
        --generate-hashes --no-emit-index-url --no-emit-find-links \
        --custom-compile-command "make lock" "$@"
}
compile --all-extras --output-file requirements.lock
compile --extra demo --constraint requirements.lock --output-file requirements-demo.lock
compile --constraint requirements.lock --output-file requirements-run.lock
