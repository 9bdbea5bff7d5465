"""The Lambda runtime client with which Meterbridge runs Python functions on one machine.

It loads the handler that _HANDLER names from the folder LAMBDA_TASK_ROOT, and then passes one event
after the other to it, as Lambda's own runtime does. It needs only Python's standard library.

Handlers: https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html
Runtime API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import decimal
import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
TASK_ROOT = os.environ["LAMBDA_TASK_ROOT"]


class Fault(Exception):
    """An error that the runtime reports itself, with the type that Lambda gives it."""

    def __init__(self, error_type, message, frames=()):
        super().__init__(message)
        self.error_type, self.frames = "Runtime." + error_type, list(frames)


class Identity:
    """The Cognito identity of the caller, which no local caller has."""

    cognito_identity_id = cognito_identity_pool_id = None


class Context:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity, self.client_context, self.tenant_id = Identity(), None, None
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))


def request(method, path, body=None, headers=None):
    """Makes one request to the Runtime API."""
    connection = http.client.HTTPConnection(API)
    try:
        connection.request(method, "/2018-06-01/runtime/" + path, body, headers or {})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def describe(error, request_id=""):
    """Returns an error in Lambda's form."""
    if isinstance(error, Fault):
        error_type, frames = error.error_type, error.frames
    else:
        error_type, frames = type(error).__name__, own_frames(error)
    return {
        "errorMessage": str(error), "errorType": error_type, "requestId": request_id, "stackTrace": traceback.format_list(frames),
    }


def own_frames(error):
    """Returns the frames of a traceback that are not of this file or of the import system."""
    hidden = (__file__, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>", importlib.__file__)
    return [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename not in hidden]


def report(path, error, request_id=""):
    """Prints an error and reports it to Lambda."""
    described = describe(error, request_id)
    lines = "Traceback (most recent call last):\n" + "".join(described["stackTrace"]) if described["stackTrace"] else ""
    print("[ERROR] {errorType}: {errorMessage}".format(**described) + "\n" + lines.rstrip(), flush=True)
    body = json.dumps(described).encode()
    request("POST", path, body, {"Lambda-Runtime-Function-Error-Type": described["errorType"].encode("ascii", "replace").decode()})


def load(name):
    """Returns the handler with a name such as "app.handler" or "folder/app.handler"."""
    module, dot, function = name.rpartition(".")
    if not dot:
        raise Fault("MalformedHandlerName", "Bad handler '%s': not enough values to unpack (expected 2, got 1): write it as module.function" % name)
    if module.split(".")[0] in sys.builtin_module_names:
        raise Fault("BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module)
    try:
        loaded = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        message = "Unable to import module '%s': %s" % (module, error)
        if error.name and module.replace("/", ".").startswith(error.name):
            message += " in " + TASK_ROOT
        raise Fault("ImportModuleError", message, own_frames(error)) from None
    except SyntaxError as error:
        frame = traceback.FrameSummary(error.filename, error.lineno, "<module>", line=error.text or "")
        raise Fault("UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module, error), [frame]) from None
    try:
        return getattr(loaded, function)
    except AttributeError:
        where = " (%s)" % loaded.__file__ if getattr(loaded, "__file__", None) else ""
        raise Fault("HandlerNotFound", "Handler '%s' missing on module '%s'%s" % (function, module, where)) from None


def encode_decimal(value):
    if isinstance(value, decimal.Decimal):
        return int(value) if value.is_finite() and value == int(value) else float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def invoke(handler, body, context):
    """Returns the handler's result, encoded."""
    try:
        event = json.loads(body)
    except ValueError as error:
        raise Fault("UnmarshalError", "Unable to unmarshal input: %s" % error) from None
    result = handler(event, context)
    if isinstance(result, bytes):
        return result
    try:
        return json.dumps(result, default=encode_decimal).encode()
    except Exception as error:
        raise Fault("MarshalError", "Unable to marshal response: %s" % error) from None


class Text(logging.Formatter):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html"""

    converter = time.gmtime

    def __init__(self):
        super().__init__("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")


class Structured(Text):
    """Log lines with LogFormat JSON. Attributes that a call passes as extra are members."""

    standard = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "aws_request_id"}

    def format(self, record):
        line = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"), "level": record.levelname, "message": record.getMessage(),
            "logger": record.name, "requestId": record.aws_request_id,
        }
        if record.exc_info:
            kind, error, trace = record.exc_info
            line.update(errorType=kind.__name__, errorMessage=str(error), stackTrace=traceback.format_tb(trace))
        line.update((key, value) for key, value in vars(record).items() if key not in self.standard and key not in line)
        return json.dumps(line, default=str)


class Handler(logging.StreamHandler):
    """Writes log lines with the id of the current request."""

    request_id = ""

    def emit(self, record):
        record.aws_request_id = self.request_id
        super().emit(record)


def set_up_logging():
    handler, is_json = Handler(sys.stdout), os.environ["AWS_LAMBDA_LOG_FORMAT"] == "JSON"
    handler.setFormatter(Structured() if is_json else Text())
    logging.getLogger().addHandler(handler)
    level = {"TRACE": "DEBUG", "FATAL": "CRITICAL"}.get(os.environ.get("AWS_LAMBDA_LOG_LEVEL", ""), os.environ.get("AWS_LAMBDA_LOG_LEVEL"))
    if level:
        logging.getLogger().setLevel(level)
    return handler


def main():
    sys.path[0:1] = [TASK_ROOT] + [path for path in os.environ.pop("METERBRIDGE_DEPENDENCIES", "").split(os.pathsep) if path]
    logs = set_up_logging()
    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as error:
        report("init/error", error)
        sys.exit(1)
    while True:
        response, body = request("GET", "invocation/next")
        context = Context(response.headers)
        logs.request_id = context.aws_request_id
        path = "invocation/" + context.aws_request_id
        try:
            result = invoke(handler, body, context)
        except Exception as error:
            report(path + "/error", error, context.aws_request_id)
        else:
            request("POST", path + "/response", result)


if __name__ == "__main__":
    main()
