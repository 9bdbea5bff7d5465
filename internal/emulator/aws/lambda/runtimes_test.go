package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/lambda"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// needs skips a test if no interpreter of a language is installed. make verify fails instead, so that
// none of these tests is left out there.
func needs(t *testing.T, language string) {
	t.Helper()
	program := "python3"
	if strings.HasPrefix(language, "nodejs") {
		program = "node"
	}
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	const text = "%s is not installed: %s functions were NOT tested"
	if os.Getenv("METERBRIDGE_INTERPRETERS") == "required" {
		t.Fatalf(text, program, language)
	}
	t.Skipf(text, program, language)
}

// files writes files into a new folder and returns it.
func files(t *testing.T, texts map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range texts {
		name = filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// handlers are functions to start, by a name for each.
type handlers map[string]handler

type handler struct {
	runtime, handler, properties string
	files                        map[string]string // of its folder
}

// invoker is a function that has started. Its code is in the folder source.
type invoker struct {
	*bed
	source string
	invoke func(ctx context.Context, payload []byte) ([]byte, error)
}

// start starts all functions whose runtime begins as a language's do, in one template, because it
// takes a while to find an interpreter. It returns them by their names.
func (h handlers) start(t *testing.T, language string) (map[string]*invoker, error) {
	t.Helper()
	resources, texts, ids := "", map[string]string{}, map[string]string{}
	for i, name := range slices.Sorted(maps.Keys(h)) {
		if !strings.HasPrefix(h[name].runtime, language) {
			continue
		}
		ids[name] = fmt.Sprint("F", i)
		resources += fmt.Sprintf("  %s: {Type: AWS::Serverless::Function, Properties: {Runtime: %s, Handler: %s, CodeUri: %s, %s}}\n",
			ids[name], h[name].runtime, h[name].handler, ids[name], h[name].properties)
		for file, text := range h[name].files {
			texts[filepath.Join(ids[name], file)] = text
		}
	}
	folder, err := filepath.EvalSymlinks(files(t, texts))
	if err != nil {
		t.Fatal(err)
	}
	b := newBed(t, folder, resources, lambda.Options{})
	err = b.functions.Start(t.Context())
	started := map[string]*invoker{}
	for name, id := range ids {
		f := &invoker{bed: b, source: filepath.Join(folder, id)}
		if found, findErr := b.directory.Find(functionARN(id)); findErr == nil {
			f.invoke = found.(interface {
				Invoke(ctx context.Context, payload []byte) ([]byte, error)
			}).Invoke
		}
		started[name] = f
	}
	return started, err
}

// forEachLanguage starts the functions of each language in a parallel subtest.
func (h handlers) forEachLanguage(t *testing.T, test func(t *testing.T, name string, f *invoker)) {
	for _, language := range []string{"python", "nodejs"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			needs(t, language)
			started, err := h.start(t, language)
			if err != nil {
				t.Fatal(err)
			}
			for name, f := range started {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, name, f)
				})
			}
		})
	}
}

// startFunction starts one function.
func startFunction(t *testing.T, h handler) *invoker {
	t.Helper()
	started, err := handlers{"": h}.start(t, "")
	if err != nil {
		t.Fatal(err)
	}
	return started[""]
}

// answer invokes the function and returns its answer or its error as text.
func (f *invoker) answer(payload string) string {
	f.t.Helper()
	answer, err := f.invoke(f.t.Context(), []byte(payload))
	if err != nil {
		return err.Error()
	}
	return string(answer)
}

// TestHandlerForms holds both clients to the forms of handlers that Lambda documents:
// https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html and
// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html
func TestHandlerForms(t *testing.T) {
	t.Parallel()
	all := handlers{}
	for name, tt := range handlerForms {
		all[name] = handler{tt.runtime, tt.handler, "", tt.files}
	}
	all.forEachLanguage(t, func(t *testing.T, name string, f *invoker) {
		if got := f.answer(handlerForms[name].event); got != handlerForms[name].want {
			t.Errorf("answer %s, want %s\n%s", got, handlerForms[name].want, f.Text(activity.Logged))
		}
	})
}

// TestHandlerErrorNamesTypeMessageAndPlace, and the next invocation is handled.
func TestHandlerErrorNamesTypeMessageAndPlace(t *testing.T) {
	t.Parallel()
	all := handlers{}
	for name, tt := range handlerErrors {
		all[name] = handler{tt.runtime, "app.handler", "", map[string]string{tt.file: tt.text}}
	}
	all.forEachLanguage(t, func(t *testing.T, name string, f *invoker) {
		_, err := f.invoke(t.Context(), []byte("true"))
		var reported *lambda.InvocationError
		if !errors.As(err, &reported) {
			t.Fatalf("Invoke = %v, want an InvocationError\n%s", err, f.Text(activity.Logged))
		}
		if want := strings.Replace(handlerErrors[name].want, "(APP", "("+filepath.Join(f.source, handlerErrors[name].file), 1); !strings.Contains(err.Error(), want) {
			t.Errorf("Invoke = %v, want %s\n%s", err, want, f.Text(activity.Logged))
		}
		var body struct {
			ErrorType         string
			StackTrace, Trace json.RawMessage
		}
		if err := json.Unmarshal(reported.Body, &body); err != nil || body.ErrorType != reported.Type || body.StackTrace == nil && body.Trace == nil {
			t.Errorf("report %s, want Lambda's form", reported.Body)
		}
		if got := f.answer("false"); got != `"fine"` {
			t.Errorf("the next answer is %s, want \"fine\"", got)
		}
	})
}

// TestCrashedHandlerIsReplaced: the invocation fails, and the next one gets a new process.
func TestCrashedHandlerIsReplaced(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ runtime, file, text, want string }{
		"sys.exit":         {"python3.12", "app.py", "import sys\ndef handler(e, c):\n    if e: sys.exit(3)\n    return 'fine'\n", "exit status 3"},
		"os._exit":         {"python3.12", "app.py", "import os\ndef handler(e, c):\n    if e: os._exit(0)\n    return 'fine'\n", "exit status 0"},
		"SIGKILL":          {"python3.12", "app.py", "import os, signal\ndef handler(e, c):\n    if e: os.kill(os.getpid(), signal.SIGKILL)\n    return 'fine'\n", "signal: killed"},
		"process.exit":     {"nodejs20.x", "app.js", "exports.handler = async (e) => { if (e) process.exit(5); return 'fine'; };\n", "exit status 5"},
		"unhandled":        {"nodejs20.x", "app.js", "exports.handler = async (e) => {\n  if (e) {\n    Promise.reject(new Error('forgotten'));\n    await new Promise((r) => setTimeout(r, 60_000));\n  }\n  return 'fine';\n};\n", "Runtime.UnhandledPromiseRejection: Error: forgotten"},
		"uncaught":         {"nodejs20.x", "app.js", "exports.handler = async (e) => {\n  if (e) {\n    setTimeout(() => { throw new RangeError('late'); }, 1);\n    await new Promise((r) => setTimeout(r, 60_000));\n  }\n  return 'fine';\n};\n", "RangeError: late"},
		"SIGKILL of Node":  {"nodejs20.x", "app.js", "exports.handler = async (e) => { if (e) process.kill(process.pid, 'SIGKILL'); return 'fine'; };\n", "signal: killed"},
		"too long, Python": {"python3.12", "app.py", "import time\ndef handler(e, c):\n    if e: time.sleep(600)\n    return 'fine'\n", "task timed out"},
		"too long, Node":   {"nodejs20.x", "app.js", "exports.handler = async (e) => { while (e); return 'fine'; };\n", "task timed out"},
	}
	all := handlers{}
	for name, tt := range tests {
		timeout := "Timeout: 60"
		if tt.want == "task timed out" {
			timeout = "Timeout: 1"
		}
		all[name] = handler{tt.runtime, "app.handler", timeout, map[string]string{tt.file: tt.text}}
	}
	all.forEachLanguage(t, func(t *testing.T, name string, f *invoker) {
		want := tests[name].want
		if got := f.answer("true"); !strings.Contains(got, want) {
			t.Errorf("Invoke = %s, want %s\n%s", got, want, f.Text(activity.Logged))
		}
		if want == "task timed out" {
			return // a new process could take longer than the short timeout, too
		}
		if got := f.answer("false"); got != `"fine"` {
			t.Errorf("the next answer is %s, want \"fine\"", got)
		}
	})
}

// TestFunctionThatCannotStartIsAnError that names the resource, its line, and the place in the code
// or what is missing.
func TestFunctionThatCannotStartIsAnError(t *testing.T) {
	t.Parallel()
	for name, tt := range failingStarts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needs(t, tt.runtime)
			f, err := handlers{"": {tt.runtime, tt.handler, "", map[string]string{tt.file: tt.text}}}.start(t, "")
			for _, want := range append(tt.want, "template.yaml:4: F0 (AWS::Serverless::Function): ") {
				if err == nil || !strings.Contains(err.Error(), strings.ReplaceAll(want, "/src", f[""].source)) {
					t.Errorf("Start = %v, want an error with %s\n%s", err, want, f[""].Text(activity.Logged))
				}
			}
		})
	}
}

// TestContextHasWhatLambdaDocuments: the members that both languages have.
func TestContextHasWhatLambdaDocuments(t *testing.T) {
	t.Parallel()
	for runtime, files := range map[string]map[string]string{
		"python3.12": {"app.py": `
def handler(event, context):
    return {
        "id": len(context.aws_request_id), "name": context.function_name, "version": context.function_version, "memory": context.memory_limit_in_mb,
        "arn": context.invoked_function_arn, "group": context.log_group_name, "stream": context.log_stream_name,
        "left": 0 < context.get_remaining_time_in_millis() <= 20000, "identity": context.identity.cognito_identity_id, "client": context.client_context,
    }
`},
		"nodejs20.x": {"app.mjs": `
export const handler = async (event, context) => ({
  id: context.awsRequestId.length, name: context.functionName, version: context.functionVersion, memory: context.memoryLimitInMB,
  arn: context.invokedFunctionArn, group: context.logGroupName, stream: context.logStreamName,
  left: 0 < context.getRemainingTimeInMillis() && context.getRemainingTimeInMillis() <= 20000, identity: context.identity ?? null, client: context.clientContext ?? null,
});
`},
	} {
		t.Run(runtime, func(t *testing.T) {
			t.Parallel()
			needs(t, runtime)
			f := startFunction(t, handler{runtime, "app.handler", "MemorySize: 256", files})
			var got map[string]any
			if err := json.Unmarshal([]byte(f.answer("{}")), &got); err != nil {
				t.Fatal(err)
			}
			want := map[string]any{
				"id": 36.0, "name": "meterbridge-F0", "version": "$LATEST", "memory": "256", "arn": functionARN("F0"), "group": "/aws/lambda/meterbridge-F0",
				"stream": "local", "left": true, "identity": nil, "client": nil,
			}
			if !maps.Equal(got, want) {
				t.Errorf("context %v, want %v", got, want)
			}
		})
	}
}

// TestCallbackWaitsForTheEventLoop unless the function says otherwise.
func TestCallbackWaitsForTheEventLoop(t *testing.T) {
	t.Parallel()
	needs(t, "nodejs20.x")
	f := startFunction(t, handler{"nodejs20.x", "app.handler", "", map[string]string{"app.js": `
let done = 0;
exports.handler = (waits, context, callback) => {
  if (waits === null) return callback(null, done);
  context.callbackWaitsForEmptyEventLoop = waits;
  setTimeout(() => { done += 1; }, waits ? 50 : 60_000);
  callback(null, { get done() { return done; } });
};
`}})
	if got := f.answer("true"); got != `{"done":1}` {
		t.Errorf("answer %s, want it after the timer", got)
	}
	if got := f.answer("false"); got != `{"done":1}` {
		t.Errorf("answer %s, want it before the timer of a minute", got)
	}
}

// TestOutputIsLogged as Lambda formats it: plain output unchanged, and log lines in the format of
// LoggingConfig.
func TestOutputIsLogged(t *testing.T) {
	t.Parallel()
	const python = `
import logging, sys
def handler(event, context):
    print("printed")
    print("to stderr", file=sys.stderr)
    logging.getLogger("usage").warning("%d events", 3, extra={"meter": "mtr_1"})
    logging.getLogger().debug("too low")
`
	const node = `
exports.handler = async () => {
  process.stdout.write('written\n');
  console.warn('%d events', 3);
  console.log({ meter: 'mtr_1' });
  console.debug('low');
};
`
	tests := map[string]struct {
		runtime, format string
		want, not       []string
	}{
		"Python": {"python3.12", "", []string{"F: printed\n", "F: to stderr\n", "F: [WARNING]\t20", "Z\t", "\t3 events\n"}, []string{"too low"}},
		"Python JSON": {"python3.12", "LoggingConfig: {LogFormat: JSON, ApplicationLogLevel: INFO}",
			[]string{"F: printed\n", `"level": "WARNING", "message": "3 events", "logger": "usage", "requestId": "`, `"meter": "mtr_1"}`}, []string{"too low"}},
		"Python debug": {"python3.12", "LoggingConfig: {LogFormat: JSON, ApplicationLogLevel: DEBUG}", []string{"too low"}, nil},
		"Node":         {"nodejs20.x", "", []string{"F: written\n", "\tWARN\t3 events\n", "\tINFO\t{ meter: 'mtr_1' }\n", "\tDEBUG\tlow\n"}, nil},
		"Node JSON": {"nodejs20.x", "LoggingConfig: {LogFormat: JSON, ApplicationLogLevel: INFO}",
			[]string{"F: written\n", `"level":"WARN","requestId":"`, `"message":"3 events"}`, `"message":{"meter":"mtr_1"}}`}, []string{"low"}},
	}
	all := handlers{}
	for name, tt := range tests {
		all[name] = handler{tt.runtime, "app.handler", tt.format, map[string]string{"app.py": python, "app.js": node}}
	}
	all.forEachLanguage(t, func(t *testing.T, name string, f *invoker) {
		if got := f.answer("{}"); got != "null" {
			t.Errorf("answer %s, want null", got)
		}
		id := filepath.Base(f.source) + ": "
		for _, want := range tests[name].want {
			f.waitLog(strings.Replace(want, "F: ", id, 1))
		}
		for line := range strings.Lines(f.Text(activity.Logged)) {
			for _, not := range tests[name].not {
				if strings.HasPrefix(line, id) && strings.Contains(line, not) {
					t.Errorf("the log has %q", line)
				}
			}
		}
	})
}

// TestInlineCodeRuns, in the file that CloudFormation would write.
func TestInlineCodeRuns(t *testing.T) {
	t.Parallel()
	const python, node = `"def handler(event, context):\n    return __file__\n"`, `"exports.handler = async () => __filename;\n"`
	handlers{
		"index.py": {"python3.12", "index.handler", "InlineCode: " + python, nil}, "index.js": {"nodejs20.x", "index.handler", "InlineCode: " + node, nil},
	}.forEachLanguage(t, func(t *testing.T, name string, f *invoker) {
		if got, want := f.answer("{}"), filepath.Join("/", filepath.Base(f.source), name)+`"`; !strings.HasSuffix(got, want) {
			t.Errorf("answer %s, want a path that ends in %s", got, want)
		}
	})
}

// TestMakefileBuildsAnInterpretedFunction: the target copies what is run.
func TestMakefileBuildsAnInterpretedFunction(t *testing.T) {
	t.Parallel()
	needs(t, "python3.12")
	f := startFunction(t, handler{"python3.12", "built.handler", "}, Metadata: {BuildMethod: makefile", map[string]string{
		"app.py": "def handler(e, c): return 'built'\n", "Makefile": "build-F0:\n\tcp app.py \"$(ARTIFACTS_DIR)/built.py\"\n",
	}})
	if got := f.answer("{}"); got != `"built"` {
		t.Errorf("answer %s, want \"built\"", got)
	}
}

// TestSourceFolderStaysAsItIs: a function is run in place, and Python leaves no bytecode there.
func TestSourceFolderStaysAsItIs(t *testing.T) {
	t.Parallel()
	needs(t, "python3.12")
	f := startFunction(t, handler{"python3.12", "app.handler", "", map[string]string{
		"app.py": "import other\ndef handler(e, c): return __file__\n", "other.py": "",
	}})
	got := f.answer("{}")
	var names []string
	entries, err := os.ReadDir(f.source)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if err != nil || !slices.Equal(names, []string{"app.py", "other.py"}) || got != `"`+filepath.Join(f.source, "app.py")+`"` {
		t.Errorf("the folder has %q (%v), want app.py and other.py; run from %s", names, err, got)
	}
}

// TestInterruptedStartIsNotAFault of the interpreter.
func TestInterruptedStartIsNotAFault(t *testing.T) {
	t.Parallel()
	needs(t, "python3.12")
	b := newBed(t, files(t, map[string]string{"app.py": "import time\ntime.sleep(600)\n"}),
		"  F: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.12, Handler: app.handler}}\n", lambda.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := b.functions.Start(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Start = %v, want the context's error", err)
	}
}

// TestFunctionThatIsNotRunIsAnError that says what to do instead.
func TestFunctionThatIsNotRunIsAnError(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]sam.Resource{
		"PackageType Image":                {Properties: map[string]any{"PackageType": "Image"}},
		"no Runtime":                       {Properties: map[string]any{"Handler": "app.handler"}},
		`runtime "java21" is not run`:      {Properties: map[string]any{"Runtime": "java21"}},
		`runtime "python" is not run`:      {Properties: map[string]any{"Runtime": "python"}},
		`runtime "nodejs" is not run`:      {Properties: map[string]any{"Runtime": "nodejs"}},
		"BuildMethod esbuild is not run":   {Properties: map[string]any{"Runtime": "nodejs22.x", "Handler": "app.handler"}, Metadata: map[string]any{"BuildMethod": "esbuild"}},
		"BuildMethod python-uv is not run": {Properties: map[string]any{"Runtime": "python3.13", "Handler": "app.handler"}, Metadata: map[string]any{"BuildMethod": "python-uv"}},
		"BuildMethod rust-cargolambda is":  {Properties: map[string]any{"Runtime": "provided.al2023"}, Metadata: map[string]any{"BuildMethod": "rust-cargolambda"}},
		"no Handler: write it as":          {Properties: map[string]any{"Runtime": "python3.13"}},
		"InlineCode is only for":           {Properties: map[string]any{"Runtime": "provided.al2023", "InlineCode": "x"}},
		"CodeUri has to be a folder":       {Properties: map[string]any{"Runtime": "python3.13", "Handler": "app.handler", "CodeUri": map[string]any{"Bucket": "b"}}},
	} {
		f.LogicalID = "F"
		if err := lambda.New(nil, nil).Add(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Add = %v, want an error with %q", err, want)
		}
	}
}

// TestClientsBehaveAsAWSs: AWS's own clients, awslambdaric and aws-lambda-ric, give the same answers,
// types of errors and messages, of which ours may say more. make verify installs them.
func TestClientsBehaveAsAWSs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		runtime, installed string
		ours, theirs       func(installed, handler string) []string
	}{
		{
			"python3.12", "METERBRIDGE_AWSLAMBDARIC",
			func(string, string) []string {
				return []string{"python3", "-B", absolute(t, "runtimeclient/python.py")}
			},
			func(_, handler string) []string { return []string{"python3", "-B", "-m", "awslambdaric", handler} },
		}, {
			"nodejs20.x", "METERBRIDGE_AWS_LAMBDA_RIC",
			func(string, string) []string {
				return []string{"node", "--no-experimental-detect-module", absolute(t, "runtimeclient/node.cjs")}
			},
			func(installed, handler string) []string {
				return []string{"node", "--no-experimental-detect-module", "--require", absolute(t, "testdata/aws-lambda-ric/preload.cjs"),
					filepath.Join(installed, "bin", "index.mjs"), handler}
			},
		},
	} {
		t.Run(tt.runtime, func(t *testing.T) {
			t.Parallel()
			installed := os.Getenv(tt.installed)
			if installed == "" {
				t.Skipf("%s does not name the folder of AWS's client: ours was NOT compared with it", tt.installed)
			}
			for name, c := range comparisons(tt.runtime) {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					folder, err := filepath.EvalSymlinks(files(t, c.files))
					if err != nil {
						t.Fatal(err)
					}
					function := func(command func(installed, handler string) []string) *lambda.Function {
						return newFunction(t, func(config *lambda.Config) {
							config.Command, config.TaskRoot, config.Runtime, config.Handler = command(installed, c.handler), folder, tt.runtime, c.handler
							config.Env = map[string]string{"PYTHONPATH": installed + string(os.PathListSeparator) + folder}
						})
					}
					ours, theirs := function(tt.ours), function(tt.theirs)
					for _, event := range c.events {
						answer, err := ours.Invoke(t.Context(), []byte(event))
						wantAnswer, wantErr := theirs.Invoke(t.Context(), []byte(event))
						if !sameAnswer(answer, wantAnswer) || !sameError(err, wantErr) {
							t.Errorf("%s: ours gives %s, %v; AWS's %s, %v", event, answer, err, wantAnswer, wantErr)
						}
					}
				})
			}
		})
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// comparison is a handler and the events to pass to it.
type comparison struct {
	handler string
	files   map[string]string
	events  []string
}

// comparisons returns every handler of a runtime.
func comparisons(runtime string) map[string]comparison {
	all := map[string]comparison{}
	for name, tt := range handlerForms {
		if tt.runtime == runtime {
			all["forms/"+name] = comparison{tt.handler, tt.files, []string{tt.event, "not JSON"}}
		}
	}
	for name, tt := range handlerErrors {
		// The published version of aws-lambda-ric answers null; Lambda reports an error, as does the source
		// of its next version.
		if tt.runtime == runtime && name != "never settled" {
			all["errors/"+name] = comparison{"app.handler", map[string]string{tt.file: tt.text}, []string{"true", "false"}}
		}
	}
	for name, tt := range failingStarts {
		if tt.runtime == runtime {
			all["starts/"+name] = comparison{tt.handler, map[string]string{tt.file: tt.text}, []string{"{}"}}
		}
	}
	return all
}

// sameAnswer compares JSON by its value.
func sameAnswer(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return string(a) == string(b)
	}
	return reflect.DeepEqual(x, y)
}

// sameError compares type and message of reports, and the kind of any other error.
func sameError(ours, theirs error) bool {
	ourReport, ok := errors.AsType[*lambda.InvocationError](ours)
	theirReport, theirsOk := errors.AsType[*lambda.InvocationError](theirs)
	if ok && theirsOk {
		message, _, _ := strings.Cut(theirReport.Message, "\nRequire stack:")
		return ourReport.Type == theirReport.Type && strings.HasPrefix(ourReport.Message, message)
	}
	return ok == theirsOk && errors.Is(ours, lambda.ErrExited) == errors.Is(theirs, lambda.ErrExited) && (ours == nil) == (theirs == nil)
}
