package lambda_test

const echoInPython = "def handler(event, context):\n    return event\n"

// handlerForms are handlers in every form that Lambda documents, with an event and the answer.
var handlerForms = map[string]struct {
	runtime, handler string
	files            map[string]string
	event, want      string
}{
	"module.function":      {"python3.12", "app.handler", map[string]string{"app.py": echoInPython}, `{"a":1}`, `{"a": 1}`},
	"folder/module":        {"python3.12", "pkg/app.handler", map[string]string{"pkg/app.py": echoInPython}, `"ü"`, `"\u00fc"`},
	"folder.module":        {"python3.12", "pkg.sub.app.handler", map[string]string{"pkg/sub/app.py": echoInPython, "pkg/__init__.py": ""}, `[]`, `[]`},
	"a package":            {"python3.12", "pkg.handler", map[string]string{"pkg/__init__.py": "from .app import handler\n", "pkg/app.py": echoInPython}, `1`, `1`},
	"imports a neighbour":  {"python3.12", "app.handler", map[string]string{"app.py": "import other\nhandler = other.handler\n", "other.py": echoInPython}, `2`, `2`},
	"a callable object":    {"python3.12", "app.handler", map[string]string{"app.py": "class H:\n    def __call__(self, e, c):\n        return e\nhandler = H()\n"}, `3`, `3`},
	"no result":            {"python3.12", "app.handler", map[string]string{"app.py": "def handler(e, c): pass\n"}, `3`, `null`},
	"decimals":             {"python3.12", "app.handler", map[string]string{"app.py": "import decimal\ndef handler(e, c):\n    return [decimal.Decimal('1.50'), decimal.Decimal(7)]\n"}, `3`, `[1.5, 7]`},
	"bytes":                {"python3.12", "app.handler", map[string]string{"app.py": "def handler(e, c): return b'raw'\n"}, `3`, `raw`},
	"an asynchronous Node": {"nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = async (event) => event;\n"}, `{"a":1}`, `{"a":1}`},
	"an ES module":         {"nodejs20.x", "app.handler", map[string]string{"app.mjs": "export const handler = async (event) => event;\n"}, `"ü"`, `"ü"`},
	"type module": {"nodejs20.x", "src/app.handler", map[string]string{
		"package.json": `{"type":"module"}`, "src/app.js": "import { other } from './other.js';\nexport const handler = async () => other;\n", "src/other.js": "export const other = 1;\n",
	}, `0`, `1`},
	"a CommonJS file":      {"nodejs20.x", "app.handler", map[string]string{"package.json": `{"type":"module"}`, "app.cjs": "exports.handler = async () => require('./other.cjs');\n", "other.cjs": "module.exports = 2;\n"}, `0`, `2`},
	"a nested property":    {"nodejs20.x", "lib/app.api.get", map[string]string{"lib/app.js": "exports.api = { get: async () => 3 };\n"}, `0`, `3`},
	"a default export":     {"nodejs20.x", "app.default", map[string]string{"app.mjs": "export default async () => 4;\n"}, `0`, `4`},
	"await at the top":     {"nodejs20.x", "app.handler", map[string]string{"app.mjs": "const value = await new Promise((r) => setTimeout(r, 5, 5));\nexport const handler = async () => value;\n"}, `0`, `5`},
	"a promise":            {"nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = () => Promise.resolve(6);\n"}, `0`, `6`},
	"a callback":           {"nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = (e, c, callback) => { setTimeout(() => callback(null, 7), 5); };\n"}, `0`, `7`},
	"only the first call":  {"nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = (e, c, callback) => { callback(null, 8); callback(null, 0); };\n"}, `0`, `8`},
	"no call back":         {"nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = () => 'ignored';\n"}, `0`, `null`},
	"context.succeed":      {"nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = (e, context) => context.succeed(9);\n"}, `0`, `9`},
	"undefined":            {"nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = async () => {};\n"}, `0`, `null`},
	"synchronous since 24": {"nodejs24.x", "app.handler", map[string]string{"app.js": "exports.handler = (event) => 'returned';\n"}, `0`, `"returned"`},
	"an installed module": {"nodejs20.x", "wrapper.handler", map[string]string{
		"node_modules/wrapper/index.js": "exports.handler = async () => 10;\n", "node_modules/wrapper/package.json": `{"name":"wrapper"}`,
	}, `0`, `10`},
}

// handlerErrors are handlers that fail on the event true, and answer "fine" to false. APP stands for
// the path of the file.
var handlerErrors = map[string]struct{ runtime, file, text, want string }{
	"an exception":     {"python3.12", "app.py", "def deep():\n    raise KeyError('usage')\n\ndef handler(e, c):\n    if e: deep()\n    return 'fine'\n", "KeyError: 'usage' (APP:2)"},
	"from a library":   {"python3.12", "app.py", "import json\n\ndef handler(e, c):\n    return json.loads('{') if e else 'fine'\n", "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1) (APP:4)"},
	"not serialisable": {"python3.12", "app.py", "def handler(e, c):\n    return {1, 2} if e else 'fine'\n", "Runtime.MarshalError: Unable to marshal response: Object of type set is not JSON serializable"},
	"a coroutine":      {"python3.12", "app.py", "async def run(): pass\ndef handler(e, c):\n    return run() if e else 'fine'\n", "Runtime.MarshalError: Unable to marshal response: Object of type coroutine is not JSON serializable"},
	"thrown":           {"nodejs20.x", "app.js", "exports.handler = async (event) => {\n  if (event) {\n    throw new TypeError('no usage');\n  }\n  return 'fine';\n};\n", "TypeError: no usage (APP:3)"},
	"in an ES module":  {"nodejs20.x", "app.mjs", "export const handler = async (event) => {\n  if (event) new URL('nowhere');\n  return 'fine';\n};\n", "TypeError: Invalid URL (APP:2)"},
	"not an error":     {"nodejs20.x", "app.js", "exports.handler = async (event) => { if (event) throw 'text'; return 'fine'; };\n", "string: text"},
	"to the callback":  {"nodejs20.x", "app.js", "exports.handler = (event, c, callback) => {\n  callback(event ? new Error('refused') : null, 'fine');\n};\n", "Error: refused (APP:2)"},
	"before callback":  {"nodejs20.x", "app.js", "exports.handler = (event, c, callback) => {\n  if (event) throw new Error('early');\n  callback(null, 'fine');\n};\n", "Error: early (APP:2)"},
	"a circle":         {"nodejs20.x", "app.js", "exports.handler = async (event) => { const a = {}; a.a = a; return event ? a : 'fine'; };\n", "Error: Unable to stringify response body"},
	"never settled":    {"nodejs20.x", "app.js", "exports.handler = async (event) => (event ? new Promise(() => {}) : 'fine');\n", "Runtime.NodeJsExit: the handler returned a promise that was never settled"},
	"a large integer":  {"nodejs20.x", "app.js", "exports.handler = async (event) => (event ? 1n : 'fine');\n", "Error: Unable to stringify response body: Do not know how to serialize a BigInt"},
	"since 24":         {"nodejs24.x", "app.js", "exports.handler = async (event) => (event ? 1n : 'fine');\n", "Runtime.JSONStringifyError: Unable to stringify response body: Do not know how to serialize a BigInt"},
}

// failingStarts are functions that cannot start, with parts of the error. /src stands for the folder.
var failingStarts = map[string]struct {
	runtime, handler, file, text string
	want                         []string
}{
	"missing module":       {"python3.12", "ap.handler", "app.py", "", []string{"Runtime.ImportModuleError: Unable to import module 'ap': No module named 'ap' in ", "/src"}},
	"missing package":      {"python3.12", "app.handler", "app.py", "import os\nimport nowhere_to_be_found\n", []string{"No module named 'nowhere_to_be_found'", "/src/app.py:2)"}},
	"missing function":     {"python3.12", "app.handle", "app.py", "def handler(e, c): pass\n", []string{"Runtime.HandlerNotFound: Handler 'handle' missing on module 'app'", "/src/app.py"}},
	"syntax":               {"python3.12", "app.handler", "app.py", "x = 1\ndef handler(e, c)\n", []string{"Runtime.UserCodeSyntaxError: Syntax error in module 'app'", "/src/app.py:2)"}},
	"an exception":         {"python3.12", "app.handler", "app.py", "import os\nTABLE = os.environ['TABLE']\n", []string{"KeyError: 'TABLE' (", "/src/app.py:2)"}},
	"exit":                 {"python3.12", "app.handler", "app.py", "raise SystemExit(7)\n", []string{"exit status 7 before it asked for work"}},
	"built-in module":      {"python3.12", "sys.exit", "app.py", "", []string{"Runtime.BuiltInModuleConflict"}},
	"no dot":               {"python3.12", "handler", "app.py", "", []string{"Runtime.MalformedHandlerName", "write it as module.function"}},
	"missing Node module":  {"nodejs20.x", "ap.handler", "app.js", "", []string{"Runtime.ImportModuleError: Error: Cannot find module 'ap' in ", "/src"}},
	"missing Node package": {"nodejs20.x", "app.handler", "app.js", "const fs = require('fs');\nrequire('nowhere');\n", []string{"Cannot find module 'nowhere'", "/src/app.js:2)"}},
	"missing import":       {"nodejs20.x", "app.handler", "app.mjs", "import 'nowhere';\n", []string{"Error: Cannot find package 'nowhere' imported from ", "/src/app.mjs"}},
	"missing export":       {"nodejs20.x", "app.handle", "app.js", "exports.handler = 1;\n", []string{"Runtime.HandlerNotFound: app.handle is undefined or not exported"}},
	"not a function":       {"nodejs20.x", "app.handler", "app.js", "exports.handler = 1;\n", []string{"Runtime.HandlerNotFound: app.handler is not a function"}},
	"Node syntax":          {"nodejs20.x", "app.handler", "app.js", "const a = 1;\nexports.handler = async ( => 1;\n", []string{"Runtime.UserCodeSyntaxError: SyntaxError: ", "/src/app.js:2)"}},
	"ES syntax":            {"nodejs20.x", "app.handler", "app.mjs", "export const a = 1;\nexport const handler = async ( => 1;\n", []string{"Runtime.UserCodeSyntaxError: SyntaxError: "}},
	"import in CommonJS":   {"nodejs20.x", "app.handler", "app.js", "import fs from 'fs';\nexport const handler = async () => 1;\n", []string{"Runtime.UserCodeSyntaxError: SyntaxError: Cannot use import statement outside a module", "/src/app.js:1)"}},
	"thrown":               {"nodejs20.x", "app.handler", "app.js", "\nthrow new Error('no table');\n", []string{"Error: no table (", "/src/app.js:2)"}},
	"rejected":             {"nodejs20.x", "app.handler", "app.mjs", "await Promise.reject(new Error('no table'));\n", []string{"Error: no table (", "/src/app.mjs:1)"}},
	"above its folder":     {"nodejs20.x", "../app.handler", "app.js", "", []string{"Runtime.MalformedHandlerName"}},
	"callback since 24":    {"nodejs24.x", "app.handler", "app.js", "exports.handler = (event, context, callback) => callback(null, 1);\n", []string{"Runtime.CallbackHandlerDeprecated", "make it an async function"}},
}
