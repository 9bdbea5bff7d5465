//go:build unix

package lambda

import (
	"bufio"
	"fmt"
	"os/exec"
	"syscall"
	"testing"
)

func TestKillEndsTheWholeProcessGroup(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sh", "-c", "sleep 600 & echo $!; wait")
	group(cmd)
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(output)
	var child int
	if _, err := fmt.Fscan(reader, &child); err != nil {
		t.Fatal(err)
	}
	if err := killGroup(cmd); err != nil {
		t.Fatal(err)
	}
	// The pipe ends only when every process that has it open ends, the child of the child included.
	for err == nil {
		_, err = reader.ReadByte()
	}
	_ = cmd.Wait()
	if err := syscall.Kill(cmd.Process.Pid, 0); err == nil {
		t.Error("the process is still there")
	}
}
