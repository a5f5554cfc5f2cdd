#!/bin/sh
# prepare.sh VERSION makes the files of a release beside the programs, in packaging/generated. goreleaser calls it.
set -eu
version=$1
out=packaging/generated
rm -rf "$out"
mkdir "$out"

sed "s/^\.Os systemfd$/& $version/" packaging/systemfd.1 | gzip -9n >"$out/systemfd.1.gz"

# What is released is the newest section of the changelog. Its heading is the version and the day: ## 1.2.3 (2026-01-02)
heading=$(sed -n 's/^## //p; /^## /q' CHANGELOG.md)
case $version in
*SNAPSHOT*) ;;
*)
	if ! echo "$heading" | grep -Eqx "$version \([0-9]{4}-[0-9]{2}-[0-9]{2}\)"; then
		echo "CHANGELOG.md begins with \"$heading\", for this tag it has to be \"$version ($(date +%F))\"" >&2
		exit 1
	fi
	;;
esac
awk '/^## / { sections++; next } sections == 1' CHANGELOG.md >"$out/notes.md"

{
	printf 'systemfd (%s) unstable; urgency=medium\n\n' "$version"
	sed -n 's/^- /  * /p; t; s/^  /    /p' "$out/notes.md" | fold -s -w 75 | sed 's/ *$//; s/^\([^ ]\)/    \1/'
	printf '\n -- The systemfd authors <systemfd@users.noreply.github.com>  %s\n' "$(git log -1 --format=%cD)"
} | gzip -9n >"$out/changelog.gz"

# GitHub's own source archives may change. Packagers need one that does not.
git archive --prefix="systemfd-$version/" HEAD | gzip -9n >"$out/systemfd-$version.tar.gz"

awk -v version="$version" -v commit="$(git rev-parse HEAD)" '
	{ print }
	/^  homepage / {
		print "  url \"https://github.com/systemfd/systemfd.git\","
		print "      tag:      \"v" version "\","
		print "      revision: \"" commit "\""
	}' packaging/homebrew/systemfd.rb >"$out/systemfd.rb"
