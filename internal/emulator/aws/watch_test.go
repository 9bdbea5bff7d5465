package aws_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	emulator "github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// watched is a stack that watches its files, which are in a folder.
type watched struct {
	*running
	folder string
}

// openWatched opens a stack of files, the first template of which is template.yaml.
func openWatched(t *testing.T, files map[string]string) *watched {
	t.Helper()
	w := &watched{&running{t: t}, t.TempDir()}
	for name, text := range files {
		w.save(name, text)
	}
	stack, err := emulator.Open(t.Context(), &emulator.Options{
		Template: filepath.Join(w.folder, "template.yaml"), Listen: "127.0.0.1:0", Observer: &w.History, Watch: true,
		Secrets: map[string]string{"SECRET_ID": "from the options"},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Stack = stack
	t.Cleanup(stack.Close)
	return w
}

// save writes a file, as an editor does: beside it, and then in its place.
func (w *watched) save(name, text string) {
	w.t.Helper()
	name = filepath.Join(w.folder, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(name+"~", []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(name+"~", name); err != nil {
		w.t.Fatal(err)
	}
}

// await waits until there are n steps of a kind, and returns the last.
func (w *watched) await(kind activity.Kind, n int) activity.Step {
	w.t.Helper()
	for started := time.Now(); len(w.Steps(kind)) < n; time.Sleep(5 * time.Millisecond) {
		if time.Since(started) > time.Minute {
			w.t.Fatalf("no step %d of kind %d; not reloaded: %+v\n%s", n, kind, w.Steps(activity.NotReloaded), w.Text(activity.Warned))
		}
	}
	return w.Steps(kind)[n-1]
}

// need skips a test without a program.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed: --watch was NOT tested with it", program)
	}
}

// watchedTemplate is a template with a bus, and a rule that sends the source "a" to the function F.
func watchedTemplate(function string) string {
	return `Transform: AWS::Serverless-2016-10-31
Resources:
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: bus}}
  F: {Type: AWS::Serverless::Function, ` + function + `}
  Rule:
    Type: AWS::Events::Rule
    Properties: {EventBusName: !Ref Bus, EventPattern: {source: [a]}, Targets: [{Id: f, Arn: !GetAtt F.Arn}]}
`
}

// rawGo is a function in Go that needs no module: a loop over the Runtime API, which prints a word.
const rawGo = `package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(api + "next")
		if err != nil {
			os.Exit(1)
		}
		io.Copy(io.Discard, next.Body)
		fmt.Println("WORD")
		done, _ := http.Post(api+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "", strings.NewReader("null"))
		done.Body.Close()
	}
}
`

// TestSavedFunctionRunsAtTheNextInvocation, in each language, and one that is broken does not: what
// ran before runs on.
func TestSavedFunctionRunsAtTheNextInvocation(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		program, function, file string
		files                   map[string]string
		text                    func(word string) string
		broken, fault           string
	}{
		"Python": {
			"python3", "Properties: {Runtime: python3.12, Handler: app.handler, CodeUri: src}", "src/app.py", nil,
			func(word string) string { return "def handler(event, context): print('" + word + "')\n" },
			"def handler(event, context)\n", "src/app.py:1)",
		},
		"Node": {
			"node", "Properties: {Runtime: nodejs20.x, Handler: app.handler, CodeUri: src}", "src/app.mjs", nil,
			func(word string) string {
				return "export const handler = async () => { console.log('" + word + "'); };\n"
			},
			"throw new Error('broken');\n", "Error: broken",
		},
		"Node with dependencies": {
			"node", "Properties: {Runtime: nodejs20.x, Handler: app.handler, CodeUri: src}", "src/app.js",
			map[string]string{"src/package.json": `{"dependencies": {"words": "file:./words"}}`, "src/words/package.json": `{"name": "words", "version": "1.0.0"}`, "src/words/index.js": ""},
			func(word string) string {
				return "require('words');\nexports.handler = async () => { console.log('" + word + "'); };\n"
			},
			"exports.handler = 1;\n", "not a function",
		},
		"Go": {
			"go", "Properties: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: .}", "cmd/f/main.go",
			map[string]string{"go.mod": "module f\n\ngo 1.20\n", "Makefile": "build-F:\n\t@CGO_ENABLED=0 go build -trimpath -o \"$(ARTIFACTS_DIR)/bootstrap\" ./cmd/f\n"},
			func(word string) string { return strings.Replace(rawGo, "WORD", word, 1) },
			"package main\n\nfunc main() { undefined() }\n", "undefined: undefined",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			need(t, tt.program)
			files := map[string]string{"template.yaml": watchedTemplate(tt.function), tt.file: tt.text("first")}
			for name, text := range tt.files {
				files[name] = text
			}
			w := openWatched(t, files)
			w.put("a", "{}")
			w.waitLog("first")

			saved := time.Now()
			w.save(tt.file, tt.text("second"))
			if step := w.await(activity.Reloaded, 1); step.Name != "F" || !strings.HasSuffix(step.Text, tt.file) {
				t.Errorf("reloaded %+v, want F for %s", step, tt.file)
			}
			w.put("a", "{}")
			w.waitLog("second")
			t.Logf("from the save to the new result: %v", time.Since(saved).Round(time.Millisecond))

			w.save(tt.file, tt.broken)
			if step := w.await(activity.NotReloaded, 1); step.Name != "F" || !strings.Contains(step.Err.Error(), tt.fault) || !strings.Contains(step.Err.Error(), "template.yaml:4: F") {
				t.Errorf("not reloaded: %+v, want F with %s", step, tt.fault)
			}
			w.put("a", "{}")
			w.wait(w.WaitIdle)
			w.save(tt.file, tt.text("third"))
			w.await(activity.Reloaded, 2)
			w.put("a", "{}")
			w.waitLog("third")
			if got := strings.Count(w.Text(activity.Logged), "second"); got != 2 {
				t.Errorf("the second version handled %d events, want 2: it goes on while the next one is broken\n%s", got, w.Text(activity.Logged))
			}
		})
	}
}

// TestInvocationInFlightEndsOnTheOldCode, while the next one already runs the new code.
func TestInvocationInFlightEndsOnTheOldCode(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	w := openWatched(t, map[string]string{
		"template.yaml": watchedTemplate("Properties: {Runtime: python3.12, Handler: app.handler, CodeUri: src, Timeout: 60}"),
		"src/app.py": "import os, time\ndef handler(event, context):\n    print('old began')\n" +
			"    while not os.path.exists(os.path.join(os.path.dirname(__file__), '..', 'gate')):\n        time.sleep(0.01)\n    print('old ended')\n",
	})
	w.put("a", "{}")
	w.waitLog("old began")
	w.save("src/app.py", "def handler(event, context): print('new')\n")
	w.await(activity.Reloaded, 1)
	w.put("a", "{}")
	w.waitLog("F: new")
	if strings.Contains(w.Text(activity.Logged), "old ended") {
		t.Fatal("the old invocation ended before the gate")
	}
	w.save("gate", "")
	w.waitLog("old ended")
	w.wait(w.WaitIdle)
	for _, s := range w.Steps(activity.Invoked) {
		if s.Err != nil {
			t.Errorf("an invocation failed: %v", s.Err)
		}
	}
}

// TestBuildThatChangesNothingSwapsNothing: a file that is saved as it was.
func TestBuildThatChangesNothingSwapsNothing(t *testing.T) {
	t.Parallel()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	makefile := "build-%:\n\tcp '" + executable + "' \"$(ARTIFACTS_DIR)/bootstrap\"\n"
	w := openWatched(t, map[string]string{
		"template.yaml": watchedTemplate("Properties: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: ., Environment: {Variables: {NAME: f}}}"), "Makefile": makefile,
	})
	w.save("Makefile", makefile+"# a comment\n")
	w.await(activity.Built, 2)
	w.save("template.yaml", strings.Replace(watchedTemplate("Properties: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: ., Environment: {Variables: {NAME: f}}}"), "source: [a]", "source: [b]", 1))
	if step := w.await(activity.Reloaded, 1); step.Name != "" || !strings.HasSuffix(step.Text, "template.yaml") {
		t.Errorf("reloaded %+v, want only the template", step)
	}
	w.put("b", "{}")
	w.waitLog("f got {")
	if got := len(w.Steps(activity.Built)); got != 2 {
		t.Errorf("%d builds, want 2: a rule is not part of the function", got)
	}
}

// TestSavedTemplateRewiresTheStack: rules, environments, mappings and functions follow it; messages,
// items and secrets stay; and a template with a fault changes nothing.
func TestSavedTemplateRewiresTheStack(t *testing.T) {
	t.Parallel()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const head = `Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: provided.al2023, Handler: bootstrap, Timeout: 20, CodeUri: .}}
Resources:
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: bus}}
  Table: {Type: AWS::DynamoDB::Table, Properties: {TableName: table, BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{AttributeName: id, AttributeType: S}], KeySchema: [{AttributeName: id, KeyType: HASH}]}}
  Secret: {Type: AWS::SecretsManager::Secret, Properties: {Name: secret}}
  Kept: {Type: AWS::SQS::Queue, Properties: {QueueName: kept, VisibilityTimeout: VISIBILITY}}
  ToKept:
    Type: AWS::Events::Rule
    Properties: {EventBusName: !Ref Bus, EventPattern: {source: [kept]}, Targets: [{Id: q, Arn: !GetAtt Kept.Arn}]}
`
	first := strings.Replace(head, "VISIBILITY", "30", 1) + `
  Gone: {Type: AWS::SQS::Queue, Properties: {QueueName: gone}}
  Old:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {NAME: old, SECRET_ID: secret}}
      Events: {Rule: {Type: EventBridgeRule, Properties: {EventBusName: !Ref Bus, Pattern: {source: [a]}}}}
  Changed:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {NAME: before}}
      Events: {Rule: {Type: EventBridgeRule, Properties: {EventBusName: !Ref Bus, Pattern: {source: [a]}}}}
`
	second := strings.Replace(head, "VISIBILITY", "77", 1) + `
  Added: {Type: AWS::SQS::Queue, Properties: {QueueName: added}}
  Changed:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {NAME: after}}
      Events: {Rule: {Type: EventBridgeRule, Properties: {EventBusName: !Ref Bus, Pattern: {source: [b]}}}}
  New:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {NAME: new}}
      Events:
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Kept.Arn, BatchSize: 1}}
`
	w := openWatched(t, map[string]string{"template.yaml": first, "Makefile": "build-%:\n\tcp '" + executable + "' \"$(ARTIFACTS_DIR)/bootstrap\"\n"})
	tables, secrets, queues := dynamodb.NewFromConfig(w.config()), secretsmanager.NewFromConfig(w.config()), sqs.NewFromConfig(w.config())
	item := map[string]ddbtypes.AttributeValue{"id": &ddbtypes.AttributeValueMemberS{Value: "evt_1"}}
	if _, err := tables.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("table"), Item: item}); err != nil {
		t.Fatal(err)
	}
	if _, err := secrets.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("secret"), SecretString: aws.String("changed by hand")}); err != nil {
		t.Fatal(err)
	}
	w.put("kept", `{"id":"evt_kept"}`)
	w.put("a", `{"id":"evt_1"}`)
	for _, want := range []string{"old got {", "before got {"} {
		w.waitLog(want)
	}

	w.save("template.yaml", strings.Replace(second, "source: [b]", "sauce: [b]", 1))
	if step := w.await(activity.NotReloaded, 1); step.Name != "" || !strings.Contains(step.Err.Error(), "template.yaml:") {
		t.Errorf("not reloaded: %+v, want the template with a line", step)
	}
	w.put("a", `{"id":"evt_2"}`)
	w.waitCount("before got {", 2)

	w.save("template.yaml", second)
	w.await(activity.Reloaded, 1)
	w.put("a", `{"id":"evt_3"}`)
	w.put("b", `{"id":"evt_4"}`)
	w.waitLog("after got {")
	w.waitLog("evt_kept") // by the new function, which polls the queue
	w.wait(w.WaitIdle)
	if log := w.Text(activity.Logged); strings.Contains(log, "evt_3") || strings.Contains(log, "before got {\"version\":\"0\",\"id\":\"evt_4\"") {
		t.Errorf("the old rules still deliver:\n%s", log)
	}
	out, err := tables.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("table"), Key: item})
	if err != nil || len(out.Item) == 0 {
		t.Errorf("the table has lost its item: %v", err)
	}
	if secret, err := secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("secret")}); err != nil || aws.ToString(secret.SecretString) != "changed by hand" {
		t.Errorf("the secret is %+v, %v; want its value", secret, err)
	}
	listed, err := queues.ListQueues(t.Context(), &sqs.ListQueuesInput{})
	var names []string
	for _, url := range listed.QueueUrls {
		names = append(names, url[strings.LastIndexByte(url, '/')+1:])
	}
	if slices.Sort(names); err != nil || !slices.Equal(names, []string{"added", "kept"}) {
		t.Errorf("queues %q, %v; want added and kept", names, err)
	}
	attributes, err := queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: aws.String(w.Environment()["AWS_ENDPOINT_URL"] + "/000000000000/kept"), AttributeNames: []sqstypes.QueueAttributeName{"All"}})
	if err != nil || attributes.Attributes["VisibilityTimeout"] != "77" {
		t.Errorf("attributes %+v, %v; want the new visibility timeout", attributes, err)
	}
	if got := w.Functions(); !slices.Equal(got, []string{"Changed", "New"}) {
		t.Errorf("functions %q, want Changed and New", got)
	}
}

// waitCount waits until functions have printed a text n times.
func (w *watched) waitCount(text string, n int) {
	w.t.Helper()
	for started := time.Now(); strings.Count(w.Text(activity.Logged), text) < n; time.Sleep(5 * time.Millisecond) {
		if time.Since(started) > time.Minute {
			w.t.Fatalf("%q was not printed %d times:\n%s", text, n, w.Text(activity.Logged))
		}
	}
}

// TestFunctionThatDoesNotStartKeepsTheOldTemplate, even if everything else of the new one is right.
func TestFunctionThatDoesNotStartKeepsTheOldTemplate(t *testing.T) {
	t.Parallel()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	template := func(source, variables string) string {
		return strings.Replace(watchedTemplate(fmt.Sprintf("Properties: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: ., Environment: {Variables: {%s}}}", variables)), "source: [a]", "source: ["+source+"]", 1)
	}
	w := openWatched(t, map[string]string{"template.yaml": template("a", "NAME: f"), "Makefile": "build-%:\n\tcp '" + executable + "' \"$(ARTIFACTS_DIR)/bootstrap\"\n"})
	w.save("template.yaml", template("b", "NAME: f, EXIT: '3'"))
	if step := w.await(activity.NotReloaded, 1); !strings.Contains(step.Err.Error(), "exit status 3") {
		t.Errorf("not reloaded: %v, want exit status 3", step.Err)
	}
	w.put("b", `{"id":"evt_b"}`)
	w.put("a", `{"id":"evt_a"}`)
	w.waitLog("evt_a")
	w.wait(w.WaitIdle)
	if strings.Contains(w.Text(activity.Logged), "evt_b") {
		t.Error("the rule of the new template delivered")
	}
	w.save("template.yaml", template("b", "NAME: g"))
	w.await(activity.Reloaded, 1)
	w.put("b", `{"id":"evt_c"}`)
	w.waitLog("g got {")
}
