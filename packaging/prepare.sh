#!/bin/sh
# prepare.sh VERSION makes what a release has beside the programs, in packaging/generated. goreleaser calls it.
set -eu
version=$1
out=packaging/generated
rm -rf "$out"
mkdir "$out"

gzip -9n <packaging/systemfd.1 >"$out/systemfd.1.gz"

# What is released is the newest section of the changelog, and its heading the version: the tag alone decides.
heading=$(awk '/^## / { print $2; exit }' CHANGELOG.md)
case $version in
"$heading" | *SNAPSHOT*) ;;
*)
	echo "CHANGELOG.md begins with $heading, and the tag is $version" >&2
	exit 1
	;;
esac
awk '/^## / { sections++; next } sections == 1' CHANGELOG.md >"$out/notes.md"

{
	printf 'systemfd (%s) unstable; urgency=medium\n\n' "$version"
	sed -n 's/^- /  * /p; t; s/^  /    /p' "$out/notes.md" | fold -s -w 75 | sed 's/ *$//; s/^\([^ ]\)/    \1/'
	printf '\n -- The systemfd authors <systemfd@users.noreply.github.com>  %s\n' "$(git log -1 --format=%cD)"
} | gzip -9n >"$out/changelog.gz"

# GitHub's own source archives may change; the formula needs one that does not.
archive=systemfd-$version.tar.gz
git archive --prefix="systemfd-$version/" HEAD | gzip -9n >"$out/$archive"
sum=$( (sha256sum "$out/$archive" 2>/dev/null || shasum -a 256 "$out/$archive") | cut -d ' ' -f 1)
awk -v archive="$archive" -v version="$version" -v sum="$sum" '
	{ print }
	/^  homepage / {
		print "  url \"https://github.com/systemfd/systemfd/releases/download/v" version "/" archive "\""
		print "  sha256 \"" sum "\""
	}' packaging/homebrew/systemfd.rb >"$out/systemfd.rb"
