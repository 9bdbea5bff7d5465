"""Run with: python3 -m unittest discover tests"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "src"))

import app

REPORT = {
    "version": "0", "id": "e", "source": "stripe.event", "detail-type": "v1.billing.meter.error_report_triggered", "account": "000000000000",
    "time": "2026-01-02T03:04:06Z", "region": "us-east-1", "resources": ["mtr_1"],
    "detail": {
        "id": "evt_1", "object": "v2.core.event", "type": "v1.billing.meter.error_report_triggered", "created": "2026-01-02T03:04:05Z",
        "livemode": False, "related_object": {"id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1"},
        "data": {
            "developer_message_summary": "There are 4 invalid events",
            "validation_start": "2026-01-02T03:03:50Z", "validation_end": "2026-01-02T03:04:00Z",
            "reason": {"error_count": "4", "error_types": [
                {"code": "no_meter", "error_count": "3", "sample_errors": []}, {"code": "archived_meter", "error_count": 1, "sample_errors": []},
            ]},
        },
    },
}


class AlertTest(unittest.TestCase):
    def test_each_code_is_a_line_with_the_meter(self):
        with self.assertLogs("meter-alerts", "WARNING") as logs:
            app.handler(REPORT, None)
        lines = [(r.getMessage(), r.event_id, r.meter, r.code, r.usage_events) for r in logs.records]
        self.assertEqual(lines, [
            ("usage not billed", "evt_1", "mtr_1", "no_meter", 3), ("usage not billed", "evt_1", "mtr_1", "archived_meter", 1),
        ])

    def test_report_without_a_meter_is_logged(self):
        for missing in ({}, None):
            with self.assertLogs("meter-alerts", "WARNING") as logs:
                app.handler({**REPORT, "detail": {**REPORT["detail"], "related_object": missing}}, None)
            self.assertIsNone(logs.records[0].meter)

    def test_other_type_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "evt_1 has the unexpected type v2.core.event_destination.ping"):
            app.handler({**REPORT, "detail": {**REPORT["detail"], "type": "v2.core.event_destination.ping"}}, None)


if __name__ == "__main__":
    unittest.main()
