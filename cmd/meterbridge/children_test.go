package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// childrenOf lists the processes that a process has started: from /proc where there is one, else with ps.
func childrenOf(parent int) []int {
	table := processTable()
	var children []int
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) != 2 || fields[0] != strconv.Itoa(parent) {
			continue
		}
		if child, err := strconv.Atoi(fields[1]); err == nil {
			children = append(children, child)
		}
	}
	return children
}

// processTable returns a line for each process: its parent and itself.
func processTable() string {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		output, _ := exec.Command("ps", "-A", "-o", "ppid=,pid=").Output()
		return string(output)
	}
	var table strings.Builder
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // the process has ended
		}
		_, rest, _ := strings.Cut(string(stat), ") ") // a command's name may hold spaces
		if fields := strings.Fields(rest); len(fields) > 1 {
			fmt.Fprintln(&table, fields[1], filepath.Base(filepath.Dir(name)))
		}
	}
	return table.String()
}
