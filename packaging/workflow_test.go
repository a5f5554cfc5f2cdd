package packaging

import (
	"regexp"
	"strings"
	"testing"
)

// TestActionsArePinned: the workflow of the tests runs actions by their commit, with the version in a comment. Each job has permissions
// and a time limit.
func TestActionsArePinned(t *testing.T) {
	t.Parallel()
	workflow := read(t, "../.github/workflows/test.yml")
	pinned := regexp.MustCompile(`uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+`)
	for line := range strings.Lines(workflow) {
		if strings.Contains(line, "uses: ") && !pinned.MatchString(line) {
			t.Errorf("%s is not pinned", strings.TrimSpace(line))
		}
	}
	jobs := len(regexp.MustCompile(`(?m)^  \w+:\n    (runs-on|strategy):`).FindAllString(workflow, -1))
	for _, key := range []string{"timeout-minutes: ", "permissions:\n      contents: read\n"} {
		if n := strings.Count(workflow, "\n    "+key); n != jobs {
			t.Errorf("%d of %d jobs have %q", n, jobs, key)
		}
	}
}
