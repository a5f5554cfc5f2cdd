#!/bin/sh
# lint.sh checks everything that is not Go: scripts, workflows, documents, the release's configuration. A missing linter is
# skipped, and with SYSTEMFD_TEST_STRICT=1 it is a failure. The tests in this directory run lintian when they build a package.
set -eu
cd "$(dirname "$0")/.."

# has reports whether there is a linter of this name.
has() {
	command -v "$1" >/dev/null && return
	echo "lint: $1 is missing" >&2
	[ "${SYSTEMFD_TEST_STRICT:-}" != 1 ] || exit 1
	return 1
}

if has shellcheck; then shellcheck .ci/run packaging/*.sh completions/systemfd.bash; fi
if has actionlint; then actionlint; fi
if has goreleaser; then goreleaser check --quiet; fi
if has mandoc; then mandoc -T lint -W warning packaging/systemfd.1; fi
if has codespell; then
	# Names, and what the tests mistype on purpose.
	git ls-files -z ':!*.svg' | xargs -0 codespell --ignore-words-list=crate,doas,fpr,fro,nd,startin,unx
fi
if has remark; then
	links=$(dirname "$(command -v remark)")/../remark-validate-links/index.js
	git ls-files -z '*.md' | xargs -0 remark --frail --quiet --use "$links=repository:false"
fi
