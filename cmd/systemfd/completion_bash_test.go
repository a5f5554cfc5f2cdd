//go:build unix

package main

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// bashWay is a setup of bash: lines before and after the completion is loaded. An old bash has no compopt.
type bashWay struct {
	before, after string
	isOld         bool
}

// like3_2 is a bash as 3.2 was: without compopt and COMP_TYPE, and with COMP_WORDS that are split only at blanks.
var like3_2 = bashWay{isOld: true, before: "set -u; enable -n compopt", after: `eval "$(declare -f _systemfd | sed '1s/.*/_systemfd_of_5()/')"
_systemfd() {
	if [[ $COMP_LINE != *[\\\"\']* ]]; then
		read -ra COMP_WORDS <<<"${COMP_LINE:0:COMP_POINT}"
		[[ ${COMP_LINE:COMP_POINT-1:1} == ' ' ]] && COMP_WORDS+=('')
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	fi
	unset COMP_TYPE COMP_KEY
	_systemfd_of_5
}`}

// bashes are the ways that are tested.
func bashes(t *testing.T) map[string]bashWay {
	testkit.Need(t, "bash")
	if exec.Command("bash", "-c", `((BASH_VERSINFO[0] < 4))`).Run() == nil { // macOS
		return map[string]bashWay{"3.2 itself": {isOld: true, before: "set -u"}}
	}
	const file = "/usr/share/bash-completion/bash_completion"
	ways := map[string]bashWay{
		"alone":         {before: "set -u"},
		"without colon": {before: "COMP_WORDBREAKS=${COMP_WORDBREAKS//:}"},
		"like 3.2":      like3_2,
	}
	if _, err := os.Stat(file); err != nil {
		t.Run("bash-completion", func(t *testing.T) { testkit.Lacks(t, "bash-completion") })
	} else {
		ways["bash-completion"] = bashWay{before: ". " + file}
	}
	return ways
}

// TestBashCompletion has readline insert all candidates.
func TestBashCompletion(t *testing.T) {
	t.Parallel()
	for name, way := range bashes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tab := startBash(t, way)
			breaks := " :="
			if strings.Contains(way.before, "//:") {
				breaks = " ="
			}
			checkCompleted(t, func(line string) []string {
				all := tab.candidates(line, breaks)
				for i, candidate := range all { // readline puts the slash only behind a single one
					path := candidate[strings.LastIndexAny(candidate, breaks)+1:]
					if path == "sub" || path == "./sub" {
						all[i] += "/"
					}
				}
				return all
			})
			if got := tab.candidates("systemfd -- frobnicate al", " "); !slices.Equal(got, []string{"alpha"}) {
				t.Errorf("of a list of words: %q", got)
			}
			checkOwners(tab, !way.isOld)
		})
	}
}

// newerThan3_2 matches syntax and builtins that bash 3.2 does not have.
var newerThan3_2 = regexp.MustCompile(`(declare|local|typeset) -[a-z]*[Agn]|mapfile|readarray|coproc|&>>|\|&|;;?&|\^\^|,,|\[-\d|%\(.*\)T|@[QEPAKak]\}|\[\[ -v`)

// TestBash3_2 looks for what only a newer bash has. Debian has no bash 3.2. macOS has it, and there TestBashCompletion runs it.
func TestBash3_2(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(completionScript(t, "bash"))
	if err != nil {
		t.Fatal(err)
	}
	if found := newerThan3_2.FindAllString(string(text), -1); len(found) > 0 {
		t.Errorf("bash 3.2 does not have %q", found)
	}
}

// TestBashSource: sourcing the script prints nothing, also a second time and under set -eu.
func TestBashSource(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "bash")
	if out, err := exec.Command("bash", "--norc", "-euc", `. "$0"; . "$0"`, completionScript(t, "bash")).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
}
