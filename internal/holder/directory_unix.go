//go:build unix && !darwin

package holder

import "syscall"

func getwd() (string, error) { return syscall.Getwd() }
