//go:build !linux

package main

// backlog is not known here.
func backlog(int) int { return -1 }
