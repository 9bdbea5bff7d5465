//go:build !unix

package lambda

import "os/exec"

// group does nothing where there are no process groups.
func group(*exec.Cmd) {}

// killGroup ends a started cmd.
func killGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }
