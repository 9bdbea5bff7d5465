// Run with: node --test

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { handler } from '../src/app.mjs';

const report = {
  version: '0', id: 'e', source: 'stripe.event', 'detail-type': 'v1.billing.meter.error_report_triggered', account: '000000000000',
  time: '2026-01-02T03:04:06Z', region: 'us-east-1', resources: ['mtr_1'],
  detail: {
    id: 'evt_1', object: 'v2.core.event', type: 'v1.billing.meter.error_report_triggered', created: '2026-01-02T03:04:05Z', livemode: false,
    related_object: { id: 'mtr_1', type: 'billing.meter', url: '/v1/billing/meters/mtr_1' },
    data: {
      developer_message_summary: 'There are 4 invalid events', validation_start: '2026-01-02T03:03:50Z', validation_end: '2026-01-02T03:04:00Z',
      reason: {
        error_count: '4',
        error_types: [
          { code: 'no_meter', error_count: '3', sample_errors: [] }, { code: 'archived_meter', error_count: 1, sample_errors: [] },
        ],
      },
    },
  },
};

/** Returns what the handler logs about an event. */
async function logged(t, event) {
  const warn = t.mock.method(console, 'warn', () => {});
  await handler(event);
  const lines = warn.mock.calls.map((call) => call.arguments[0]);
  warn.mock.restore();
  return lines;
}

test('each code is a line with the meter', async (t) => {
  assert.deepEqual(await logged(t, report), [
    { message: 'usage not billed', event_id: 'evt_1', meter: 'mtr_1', code: 'no_meter', usage_events: 3 },
    { message: 'usage not billed', event_id: 'evt_1', meter: 'mtr_1', code: 'archived_meter', usage_events: 1 },
  ]);
});

test('a report without a meter is logged', async (t) => {
  for (const related_object of [null, {}, undefined]) {
    const [line] = await logged(t, { ...report, detail: { ...report.detail, related_object } });
    assert.equal(line.meter, null);
  }
});

test('another type is an error', async () => {
  const other = { ...report, detail: { ...report.detail, type: 'v2.core.event_destination.ping' } };
  await assert.rejects(handler(other), /evt_1 has the unexpected type v2.core.event_destination.ping/);
});
