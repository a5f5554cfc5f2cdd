//go:build !linux

package main

// options is Linux's alone.
func options() {}
