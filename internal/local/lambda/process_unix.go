//go:build unix

package lambda

import (
	"os/exec"
	"syscall"
)

// ownProcessGroup keeps the terminal's interrupt from the child, which is ended by its parent, and lets the parent end
// the child's own children with it.
func ownProcessGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

func killProcessGroup(cmd *exec.Cmd) {
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
