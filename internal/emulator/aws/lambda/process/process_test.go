//go:build unix

package process_test

import (
	"bufio"
	"fmt"
	"os/exec"
	"syscall"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/lambda/process"
)

func TestKillEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sh", "-c", "sleep 600 & echo $!; wait")
	process.Group(cmd)
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
	if err := process.Kill(cmd); err != nil {
		t.Fatal(err)
	}
	// The pipe ends only when every process that holds it has, the child's child included.
	for err == nil {
		_, err = reader.ReadByte()
	}
	_ = cmd.Wait()
	if err := syscall.Kill(cmd.Process.Pid, 0); err == nil {
		t.Error("the process is still there")
	}
}
