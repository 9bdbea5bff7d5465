//go:build unix && !linux

package lambda

import (
	"os/exec"
	"syscall"
)

// group puts cmd into a new process group, which the terminal's interrupt does not reach.
func group(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup ends a started cmd and everything that it has started.
func killGroup(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
