//go:build unix

package holder

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/systemfd/systemfd/internal/holder/daemon"
	"github.com/systemfd/systemfd/internal/socket"
)

func states() (answers []State, warnings []string, err error) {
	clients, err := own()
	if err != nil {
		return nil, nil, err
	}
	found, errs := make([]State, len(clients)), make([]error, len(clients))
	var asked sync.WaitGroup
	for i, c := range clients {
		asked.Go(func() {
			if found[i], errs[i] = c.Status(); errors.Is(errs[i], ErrGone) {
				c.sweep()
			}
		})
	}
	asked.Wait()
	sweepMarks()
	for i, err := range errs {
		switch {
		case err == nil:
			answers = append(answers, found[i])
		case !errors.Is(err, ErrGone):
			warnings = append(warnings, err.Error())
		}
	}
	return answers, warnings, nil
}

// sweep removes the control socket that a dead holder has left. The lock keeps others from putting theirs there between
// the look and the removal.
func (c *client) sweep() {
	unlock, err := socket.LockFolder(filepath.Dir(c.control))
	if err != nil {
		return
	}
	defer unlock()
	if isDead, err := socket.IsDead(c.control); err == nil && isDead {
		socket.RemoveFile(c.control, socket.FileAt(c.control))
	}
}

// markTime is how long the mark of systemfd stop counts, if no claim removes it: that of a --hold would stay for ever.
const markTime = 24 * time.Hour

func sweepMarks() {
	entries, _ := os.ReadDir(controlDirectory())
	for _, entry := range entries {
		path := filepath.Join(controlDirectory(), entry.Name())
		if stat, err := os.Lstat(path); err == nil && daemon.IsMark(path) && time.Since(stat.ModTime()) > markTime {
			os.Remove(path)
		}
	}
}
