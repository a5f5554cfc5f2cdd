//go:build unix && !linux && !darwin

package facts

var ownFacts []fact
