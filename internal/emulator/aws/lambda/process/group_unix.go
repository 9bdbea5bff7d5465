//go:build unix

package process

import (
	"os/exec"
	"syscall"
)

// Group puts cmd, which has not started, into a process group of its own. The terminal's interrupt then does not reach it:
// its parent ends it. On Linux it also ends when its parent is killed.
func Group(cmd *exec.Cmd) {
	cmd.SysProcAttr = attributes()
}

// Kill ends a started cmd and everything in its group.
func Kill(cmd *exec.Cmd) error {
	return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
