'use strict';
// Replaces the native part of AWS's Node.js client, which only makes requests, so that the client can
// be compared with ours without a C++ compiler. Everything that a handler observes is JavaScript.

const { execFileSync } = require('node:child_process');
const http = require('node:http');
const Module = require('node:module');

const origin = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/`;

// post waits for the answer, as the native part does.
function post(path, body) {
  const script = `require('http').request(${JSON.stringify(origin + path)}, { method: 'POST' }).end(require('fs').readFileSync(0))`;
  execFileSync(process.execPath, ['-e', script], { input: body, env: {} });
}

const client = {
  initializeClient() {},
  done: (id, body) => post(`${id}/response`, body),
  error: (id, body) => post(`${id}/error`, body),
  next: () => new Promise((resolve, reject) => {
    http.get(`${origin}next`, { agent: false }, (response) => {
      let bodyJson = '';
      response.setEncoding('utf8').on('data', (part) => { bodyJson += part; }).on('end', () => resolve({ bodyJson, headers: response.headers }));
    }).on('error', reject);
  }),
};

const load = Module._load;
Module._load = function (request, ...rest) {
  return request.endsWith('rapid-client.node') ? client : load.call(this, request, ...rest);
};
