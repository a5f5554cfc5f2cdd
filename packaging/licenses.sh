#!/bin/sh
# licenses.sh prints the licenses of the code in the program: Go, and the modules that it imports.
set -eu
cd "$(dirname "$0")/.."
modules=$(go list -deps -f '{{ with .Module }}{{ if not .Main }}{{ .Path }} {{ .Dir }}{{ end }}{{ end }}' ./cmd/systemfd | LC_ALL=C sort -u)

echo "The programs of systemfd have this software built in. Its licenses follow."
printf 'Go %s\n%s\n' "$(go env GOROOT)" "$modules" | while read -r name directory; do
	printf '\n-------- %s --------\n\n' "$name"
	cat "$directory"/LICENSE* 2>/dev/null || cat "$directory"/COPYING*
done
