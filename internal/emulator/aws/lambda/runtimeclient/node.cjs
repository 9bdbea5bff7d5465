'use strict';
// The Lambda runtime client with which Meterbridge runs Node.js functions on one machine.
//
// It loads the handler that _HANDLER names from the folder LAMBDA_TASK_ROOT, and then passes one
// event after the other to it, as Lambda's own runtime does. It needs only Node.js.
//
// Handlers: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html
// Runtime API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const util = require('node:util');

const env = process.env;
const root = env.LAMBDA_TASK_ROOT;
const [host, port] = env.AWS_LAMBDA_RUNTIME_API.split(':');
// From nodejs24.x on, a handler has no callback, and the context has no methods that end it.
const hasCallbacks = Number(/nodejs(\d+)/.exec(env.AWS_EXECUTION_ENV)[1]) < 24;

class Fault extends Error {
  constructor(type, message, cause) {
    super(message);
    this.name = `Runtime.${type}`;
    this.stack = cause?.stack ?? `${this.name}: ${message}`;
  }
}

// request makes one request to the Runtime API, on a connection of its own: an open connection would
// keep the event loop from becoming empty.
function request(method, name, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const sent = http.request({ host, port, method, path: `/2018-06-01/runtime/${name}`, headers, agent: false }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(parts).toString() }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

// describe returns what was thrown in Lambda's form.
function describe(thrown) {
  if (thrown instanceof Error || util.types.isNativeError(thrown)) {
    return { errorType: String(thrown.name), errorMessage: String(thrown.message), trace: String(thrown.stack).split('\n') };
  }
  return { errorType: typeof thrown, errorMessage: String(thrown), trace: [] };
}

function report(name, thrown) {
  const described = describe(thrown);
  const type = described.errorType.replace(/[^\x20-\x7e]/g, '?');
  return request('POST', name, JSON.stringify(described), { 'Lambda-Runtime-Function-Error-Type': type });
}

// ---- Loading the handler ---------------------------------------------------------------------------

// load returns the handler with a name such as "app.handler" or "folder/app.part.handler".
async function load(name) {
  if (name.includes('..')) {
    throw new Fault('MalformedHandlerName',
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const parts = /^([^.]*)\.(.*)$/.exec(path.basename(name));
  if (!parts) {
    throw new Fault('MalformedHandlerName', `Bad handler '${name}': write it as module.function`);
  }
  const loaded = await loadModule(path.dirname(name), parts[1]);
  const found = parts[2].split('.').reduce((value, key) => value?.[key], loaded);
  if (typeof found !== 'function') {
    throw new Fault('HandlerNotFound', `${name} is ${found == null ? 'undefined or not exported' : 'not a function'}`);
  }
  if (!hasCallbacks && found.length >= 3) {
    throw new Fault('CallbackHandlerDeprecated',
      `${name} takes a callback, which Lambda has not supported since nodejs24.x: make it an async function of (event, context)`);
  }
  return found;
}

// loadModule loads a module without its extension, in Lambda's order of extensions.
async function loadModule(folder, name) {
  const file = path.resolve(root, folder, name);
  try {
    if (isFile(file) || isFile(`${file}.js`) && !isModule(path.dirname(file))) {
      return require(isFile(file) ? file : `${file}.js`);
    }
    for (const extension of ['.js', '.mjs']) {
      if (isFile(file + extension)) {
        return await import(require('node:url').pathToFileURL(file + extension));
      }
    }
    if (isFile(`${file}.cjs`)) {
      return require(`${file}.cjs`);
    }
    return require(require.resolve(name, { paths: [root, path.resolve(root, folder)] }));
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new Fault('UserCodeSyntaxError', String(error), error);
    }
    if (error?.code === 'MODULE_NOT_FOUND') {
      const [message] = String(error.message).split('\nRequire stack:');
      throw new Fault('ImportModuleError', `Error: ${message}`.replace(`module '${name}'`, `module '${name}' in ${root}`), error);
    }
    throw error;
  }
}

function isFile(name) {
  return fs.statSync(name, { throwIfNoEntry: false })?.isFile() ?? false;
}

// isModule reports whether the nearest package.json makes .js files ES modules.
function isModule(folder) {
  const file = path.join(folder, 'package.json');
  if (isFile(file)) {
    return JSON.parse(fs.readFileSync(file, 'utf8')).type === 'module';
  }
  const parent = path.dirname(folder);
  return parent !== folder && path.basename(folder) !== 'node_modules' && isModule(parent);
}

// ---- Logging: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html ------------------------

let requestId;

function patchConsole() {
  const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
  const least = Math.max(0, levels.indexOf(env.AWS_LAMBDA_LOG_LEVEL));
  const format = env.AWS_LAMBDA_LOG_FORMAT === 'JSON' ? structured : text;
  levels.forEach((level, i) => {
    console[level.toLowerCase()] = i < least ? () => {} : (...values) => process.stdout.write(`${format(level, values)}\n`);
  });
  console.log = console.info;
}

function text(level, values) {
  return [new Date().toISOString(), requestId, level, util.format(...values)].join('\t');
}

function structured(level, values) {
  const line = { timestamp: new Date().toISOString(), level, requestId };
  const error = values.find((value) => value instanceof Error);
  if (values.length === 1 && !error) {
    try {
      return JSON.stringify({ ...line, message: values[0] });
    } catch {} // for example, a circular structure
  }
  line.message = util.format(...values);
  if (error) {
    Object.assign(line, { errorType: error.name, errorMessage: error.message, stackTrace: String(error.stack).split('\n') });
  }
  return JSON.stringify(line);
}

// ---- Invocations -----------------------------------------------------------------------------------

// onEmpty is called when nothing is left to wait for, as after a handler that never calls back.
let onEmpty = () => {};

function newContext(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    awsRequestId: headers['lambda-runtime-aws-request-id'], invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    functionName: env.AWS_LAMBDA_FUNCTION_NAME, functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE, logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME, clientContext: undefined, identity: undefined,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

// invoke returns what the handler returns, or passes to its callback.
function invoke(handler, body, context) {
  return new Promise((resolve, reject) => {
    if (!hasCallbacks) {
      onEmpty = () => reject(unsettled());
      resolve(handler(JSON.parse(body), context));
      return;
    }
    context.callbackWaitsForEmptyEventLoop = true;
    context.done = (error, result) => (error == null ? resolve(result) : reject(error));
    context.succeed = resolve;
    context.fail = (error) => reject(error ?? 'handled');
    let called = false;
    const callback = (error, result) => {
      if (called) {
        return;
      }
      called = true;
      if (error != null) {
        reject(error);
      } else if (context.callbackWaitsForEmptyEventLoop) {
        onEmpty = () => resolve(result);
      } else {
        resolve(result);
      }
    };
    const isAsync = handler.constructor.name === 'AsyncFunction';
    onEmpty = () => (isAsync ? reject(unsettled()) : resolve(null));
    const result = handler(JSON.parse(body), context, callback);
    if (typeof result?.then === 'function') {
      result.then(resolve, reject);
    }
  });
}

function unsettled() {
  return new Fault('NodeJsExit', 'the handler returned a promise that was never settled, and nothing is left to wait for');
}

function encode(result) {
  try {
    return JSON.stringify(result === undefined ? null : result) ?? 'null';
  } catch (error) {
    const message = `Unable to stringify response body: ${error.message}`;
    throw hasCallbacks ? new Error(message) : new Fault('JSONStringifyError', message, error);
  }
}

// current is where an error that no handler catches is reported.
let current = 'init/error';

async function die(thrown, status, what) {
  console.error(what, thrown);
  await report(current, thrown).catch(() => {});
  process.exit(status);
}

async function main() {
  patchConsole();
  process.on('uncaughtException', (error) => die(error, 129, 'Uncaught Exception'));
  process.on('unhandledRejection', (reason) =>
    die(new Fault('UnhandledPromiseRejection', String(reason), reason), 128, 'Unhandled Promise Rejection'));
  process.on('beforeExit', () => onEmpty());
  const handler = await load(env._HANDLER).catch((error) => die(error, 1, 'Init Error'));
  for (;;) {
    const { headers, body } = await request('GET', 'invocation/next');
    const context = newContext(headers);
    requestId = context.awsRequestId;
    current = `invocation/${requestId}/error`;
    try {
      const answer = encode(await invoke(handler, body, context));
      onEmpty = () => {};
      await request('POST', `invocation/${requestId}/response`, answer);
    } catch (error) {
      onEmpty = () => {};
      console.error('Invoke Error', error);
      await report(current, error);
    }
  }
}

main();
