//go:build !unix

package process

import "os/exec"

// Group does nothing where there are no process groups.
func Group(*exec.Cmd) {}

// Kill ends a started cmd.
func Kill(cmd *exec.Cmd) error { return cmd.Process.Kill() }
