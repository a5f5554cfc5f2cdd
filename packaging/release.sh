#!/bin/sh
# release.sh [FLAG...] releases the tag that is checked out, as .goreleaser.yaml says; the flags are goreleaser's:
# --snapshot tries it on any commit. Signs where GPG_FINGERPRINT names a key.
set -eu
cd "$(dirname "$0")/.."
[ -n "${GPG_FINGERPRINT:-}" ] || set -- --skip=sign "$@"
exec goreleaser release --clean --release-notes=packaging/generated/notes.md "$@"
