package main

import (
	"bytes"
	"os"
	"testing"
)

// TestPicture: the picture shows what the example printed.
func TestPicture(t *testing.T) {
	t.Parallel()
	printed, err := os.Open("../restart.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer printed.Close()
	want, err := os.ReadFile("../restart.svg")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := draw(printed, &got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("docs/restart.svg is not the picture of docs/restart.txt; run: make pictures")
	}
}

// TestPictureOfNothing: any other output than that of the example draws nothing.
func TestPictureOfNothing(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	if err := draw(bytes.NewBufferString("error: no port\n"), &got); err == nil || got.Len() > 0 {
		t.Errorf("%v, %s", err, got.String())
	}
}
