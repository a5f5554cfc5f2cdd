//go:build !linux

package main

// options are only Linux's.
func options() {}
