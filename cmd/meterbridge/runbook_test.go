package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// With logs in JSON, Lambda reports a function that ran out of time, crashed or did not start in
// lines of its own.
func TestTroubleIncludesLambdasOwnLines(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		`{"time":"2026-11-22T08:00:10.003Z","type":"platform.report","record":{"requestId":"r","metrics":{"durationMs":10000.0,"billedDurationMs":10000,"memorySizeMB":256,"maxMemoryUsedMB":31},"status":"timeout"}}`:                            true,
		`{"time":"2026-11-22T08:00:00.003Z","type":"platform.report","record":{"requestId":"r","metrics":{"durationMs":12.1,"billedDurationMs":13,"memorySizeMB":256,"maxMemoryUsedMB":31},"status":"success"}}`:                                  false,
		`{"time":"2026-11-22T08:00:00.003Z","type":"platform.report","record":{"requestId":"r","metrics":{"durationMs":12.1,"billedDurationMs":13,"memorySizeMB":256,"maxMemoryUsedMB":256},"status":"error","errorType":"Runtime.OutOfMemory"}}`: true,
		`{"time":"2026-11-22T08:00:00.003Z","type":"platform.runtimeDone","record":{"requestId":"r","status":"error","errorType":"Runtime.ExitError"}}`:                                                                                           true,
		`{"time":"2026-11-22T08:00:00.003Z","type":"platform.initReport","record":{"initializationType":"on-demand","phase":"init","status":"error","errorType":"Runtime.ExitError","metrics":{"durationMs":40.2}}}`:                              true,
		`{"time":"2026-11-22T08:00:00.003Z","type":"platform.logsDropped","record":{"reason":"Consumer seems to have fallen behind","droppedRecords":3,"droppedBytes":900}}`:                                                                      true,
		`{"time":"2026-11-22T08:00:00.003Z","type":"platform.start","record":{"requestId":"r","version":"$LATEST"}}`:                                                                                                                              false,
		`{"timestamp":"2026-11-22T08:00:00Z","level":"WARN","message":"delivery","outcome":"deferred","reason":"unavailable"}`:                                                                                                                    true,
		`{"timestamp":"2026-11-22T08:00:00Z","level":"INFO","message":"delivery","outcome":"emitted"}`:                                                                                                                                            false,
		"2026-11-22T08:00:10.003Z 0a1b Task timed out after 10.00 seconds":                                                                                                                                                                        true,
		"panic: runtime error: index out of range [1] with length 1":                                                                                                                                                                              true,
	} {
		if got := isTrouble(line); got != want {
			t.Errorf("isTrouble(%s) = %v", line, got)
		}
	}
}

var (
	fenced = regexp.MustCompile("(?s)\n```sh\n(.*?)\n```")
	inLine = regexp.MustCompile("`(meterbridge [a-z][^`]*)`")
	typed  = regexp.MustCompile(`(?m)^ *(meterbridge [a-z][^#\n]*)`)
)

// commandsOn returns the commands that a page shows.
func commandsOn(page string) (commands []string) {
	for _, block := range fenced.FindAllStringSubmatch(page, -1) {
		for _, match := range typed.FindAllStringSubmatch(block[1], -1) {
			commands = append(commands, match[1])
		}
	}
	for _, match := range inLine.FindAllStringSubmatch(fenced.ReplaceAllString(page, "\n"), -1) {
		commands = append(commands, match[1])
	}
	return commands
}

// The commands of the pages exist, with the arguments and flags that the pages give them.
func TestCommandsOnPagesAreUnderstood(t *testing.T) {
	t.Parallel()
	words := regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`)
	for page, least := range map[string]int{"operations.md": 30, "deploy.md": 5, "security.md": 2} {
		text, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		commands := commandsOn(string(text))
		if len(commands) < least {
			t.Errorf("%s: found %d commands, want at least %d", page, len(commands), least)
		}
		for _, command := range commands {
			line, _, _ := strings.Cut(strings.ReplaceAll(command, "$STACK", "meterbridge"), "; ")
			line, _, _ = strings.Cut(line, " && ")
			var args []string
			for _, word := range words.FindAllString(line, -1)[1:] {
				args = append(args, strings.Trim(word, `'"`))
			}
			found, rest, err := newRoot(process{}).Find(args)
			if err == nil && !found.DisableFlagParsing {
				err = found.ParseFlags(rest)
			}
			if err == nil && found.Runnable() && strings.Contains(line, "--") {
				err = found.ValidateArgs(found.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: %s: %v", page, line, err)
			}
		}
	}
}
