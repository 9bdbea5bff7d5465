package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/rivo/uniseg"
)

// openTerminal returns both ends of a pseudoterminal of 80 columns.
func openTerminal(t *testing.T) (screen, program *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	control := func(request uintptr, argument unsafe.Pointer) {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, screen.Fd(), request, uintptr(argument)); errno != 0 {
			t.Fatalf("ioctl %#x: %v", request, errno)
		}
	}
	var unlocked, number int32
	size := [4]uint16{24, 80}
	control(syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked))
	control(syscall.TIOCGPTN, unsafe.Pointer(&number))
	control(syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return screen, program
}

// onTerminal runs the command on a terminal and returns what is shown there. Unless it is nil,
// stdout is the command's standard output instead.
func onTerminal(t *testing.T, stdout io.Writer, env []string, args ...string) (shown string, err error) {
	t.Helper()
	executable, err := os.Executable()
	command := filepath.Join(t.TempDir(), "meterbridge") // the name makes the test binary the command
	if err == nil {
		err = os.Symlink(executable, command)
	}
	if err != nil {
		t.Fatal(err)
	}
	screen, program := openTerminal(t)
	cmd := exec.CommandContext(t.Context(), command, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	if stdout != nil {
		cmd.Stdout = stdout
	}
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return name == "NO_COLOR" || name == "TERM" || strings.HasPrefix(name, "CLICOLOR")
	}), env...)
	var text bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(&text, screen) // ends with an error when the last program end is closed
	}()
	err = cmd.Run()
	program.Close()
	<-done
	return strings.ReplaceAll(text.String(), "\r\n", "\n"), err
}

// On a terminal of 80 columns the story has colours and no longer line, and the events are not
// between its lines.
func TestStoryFitsATerminal(t *testing.T) {
	t.Parallel()
	shown, err := onTerminal(t, nil, []string{"TERM=xterm"}, "local", "--once", "--template", filepath.Join(root(t), "template.yaml"))
	if err != nil {
		t.Errorf("failed: %v", err)
	}
	if !strings.Contains(shown, "\x1b[32memitted") || !strings.Contains(shown, "redirect standard output") {
		t.Error("the story has no colours, or no hint at the events")
	}
	escape := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for line := range strings.Lines(escape.ReplaceAllString(shown, "")) {
		line = strings.TrimSuffix(line, "\n")
		if uniseg.StringWidth(line) > 80 || strings.HasPrefix(line, "{") {
			t.Errorf("on the terminal: %s", line)
		}
	}
	if t.Failed() {
		t.Log(shown)
	}
}

// Standard output elsewhere gets the events, and the environment turns colours off.
func TestTerminalIsWhatTheEnvironmentSays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		env    string
		colors bool
	}{{"TERM=dumb", false}, {"TERM=", false}, {"NO_COLOR=1", false}, {"NO_COLOR=", true}} {
		var stdout bytes.Buffer
		args := []string{"local", "--once", "--template", filepath.Join(root(t), "template.yaml")}
		shown, err := onTerminal(t, &stdout, []string{"TERM=xterm", tt.env}, args...)
		if err != nil {
			t.Errorf("%s: %v\n%s", tt.env, err, shown)
		}
		if got := strings.Contains(shown, "\x1b["); got != tt.colors {
			t.Errorf("%s: colours: %t, want %t", tt.env, got, tt.colors)
		}
		if n := bytes.Count(stdout.Bytes(), []byte("\n")); n != 9 || strings.Contains(shown, "redirect standard output") {
			t.Errorf("%s: %d events on standard output, want 9", tt.env, n)
		}
	}
}

// echoes reports whether a terminal shows what is typed.
func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	var settings syscall.Termios
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, terminal.Fd(), syscall.TCGETS, uintptr(unsafe.Pointer(&settings))); errno != 0 {
		t.Fatal(errno)
	}
	return settings.Lflag&syscall.ECHO != 0
}

// TestTerminalShowsWhatIsTypedAfterASecret, also if the question is interrupted.
func TestTerminalShowsWhatIsTypedAfterASecret(t *testing.T) {
	t.Parallel()
	for _, interrupted := range []bool{false, true} {
		screen, program := openTerminal(t)
		ctx, interrupt := context.WithCancel(t.Context())
		answered := make(chan string, 1)
		go func() {
			text, _ := process{stdin: program, stderr: io.Discard}.askSecret(ctx, "key")
			answered <- text
		}()
		for echoes(t, program) {
			time.Sleep(time.Millisecond)
		}
		want := "rk_test_1"
		if interrupted {
			want = ""
			interrupt()
		} else if _, err := screen.WriteString(want + "\n"); err != nil {
			t.Fatal(err)
		}
		if got := <-answered; got != want {
			t.Errorf("interrupted %t: answer %q, want %q", interrupted, got, want)
		}
		if !echoes(t, program) {
			t.Errorf("interrupted %t: the terminal no longer shows what is typed", interrupted)
		}
		interrupt()
	}
}
