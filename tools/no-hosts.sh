#!/bin/bash
# Fails when a file of the project names a package registry's host or a path of somebody's machine.
set -euo pipefail
cd "$(dirname "$0")/.."
hosts='(py(pi|thonhosted)|npmjs|crates|proxy\.golang|repo[0-9]*\.maven|deb\.debian|archive\.ubuntu)\.(org|io|com)'
paths='(^|[^A-Za-z0-9_./-])/(home|root|Users|work|tmp)/[A-Za-z0-9_]'
files() {
    git ls-files -z --cached --others --exclude-standard | grep -zvE '\.(png|jpg|pdf|woff2?|ico)$'
}
found=0
if files | xargs -0 -r grep -nIHE "$hosts" -- ; then
    echo "no-hosts: a package registry's host is named above" >&2; found=1
fi
if files | xargs -0 -r grep -nIHE "$paths" -- ; then
    echo "no-hosts: a path of one machine is named above" >&2; found=1
fi
exit $found
