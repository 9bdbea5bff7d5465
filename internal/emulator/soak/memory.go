package soak

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws"
)

// memory is the peak of the resident memory of this process and, by function, of the processes of a
// stack, in bytes. Only Linux reports it.
type memory struct {
	stack     int64
	functions map[string]int64
}

// measure reads the peaks so far. A process that has ended since the last measurement counts with
// its peak then.
func (m *memory) measure(s *aws.Stack) {
	m.stack = max(m.stack, peak("self"))
	if m.functions == nil {
		m.functions = map[string]int64{}
	}
	for function, processes := range s.PIDs() {
		for _, id := range processes {
			m.functions[function] = max(m.functions[function], peak(strconv.Itoa(id)))
		}
	}
}

// peak returns the VmHWM of a process: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
func peak(process string) int64 {
	status, err := os.ReadFile("/proc/" + process + "/status")
	if err != nil {
		return 0 // it has ended, or this is not Linux
	}
	_, text, _ := strings.Cut(string(status), "VmHWM:")
	var kilobytes int64
	if _, err := fmt.Sscan(text, &kilobytes); err != nil {
		return 0
	}
	return kilobytes << 10
}
