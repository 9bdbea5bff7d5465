package lambda

import (
	"os/exec"
	"syscall"
)

// group puts cmd, which has not started, into a new process group, so that the terminal's interrupt
// does not reach it. Its parent ends it, or the kernel if the parent is killed.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killGroup ends a started cmd and everything that it has started.
func killGroup(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
