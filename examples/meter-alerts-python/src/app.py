"""An example consumer to copy. The rule in template.yaml sends it full billing-meter events, and it
logs one line for each kind of usage that Stripe could not bill."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stripe_events import Event

log = logging.getLogger("meter-alerts")

TYPES = ("v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found")


def handler(event: Event, context: Any) -> None:
    """Handles an event as a rule delivers it. Lambda retries an event whose handling fails, and may
    deliver one twice: remember event ids if that matters."""
    report = event["detail"]
    if report["type"] not in TYPES:
        raise ValueError(f"event {report['id']} has the unexpected type {report['type']}")
    meter = (report.get("related_object") or {}).get("id")
    for problem in report["data"]["reason"]["error_types"]:
        log.warning(
            "usage not billed",
            extra={"event_id": report["id"], "meter": meter, "code": problem["code"], "usage_events": int(problem["error_count"])},
        )
