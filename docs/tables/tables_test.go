package main

import (
	"os"
	"strings"
	"testing"
)

// TestTables: the page has the tables that go generate makes, and there are rows in them.
func TestTables(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../servers.md")
	if err != nil {
		t.Fatal(err)
	}
	if fill(string(page)) != string(page) {
		t.Error("docs/servers.md is not what go generate ./docs/... makes")
	}
	for _, row := range []string{"| nodemon | ", "| dash | ", "| php -S | "} {
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/servers.md has no %q", row)
		}
	}
}
