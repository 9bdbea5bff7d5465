"""Types of the events that this consumer handles, written from Meterbridge's schemas/ by:
go test ./internal/contract -run Examples -update"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from typing import Any, Literal, NotRequired


class ReasonRequest(TypedDict):
    # The id of the API request.
    id: NotRequired[str | None]
    # The idempotency key of the request.
    idempotency_key: NotRequired[str | None]


class Reason(TypedDict):
    """What caused the event."""

    # Stripe may add types.
    type: NotRequired[str | None]
    request: NotRequired[ReasonRequest | None]


class RelatedObject(TypedDict):
    """The object that the event is about. Null, {} and no member mean the same."""

    # The object's id. Null for an object that an account has only one of, such as a balance.
    id: NotRequired[str | None]
    # The object's type, such as billing.meter.
    type: NotRequired[str | None]
    # The URL of the object, relative to Stripe's API. It may contain a query.
    url: NotRequired[str | None]


class DataReasonErrorTypeSampleErrorRequest(TypedDict):
    # The usage event's identifier, or the idempotency key of the request.
    identifier: str


class DataReasonErrorTypeSampleError(TypedDict):
    error_message: str
    request: DataReasonErrorTypeSampleErrorRequest


class DataReasonErrorType(TypedDict):
    # Stripe may add codes.
    code: str
    # A whole number. Stripe may encode it as a string.
    error_count: int | str
    # A sample of the errors, which may be incomplete.
    sample_errors: list[DataReasonErrorTypeSampleError]


class DataReason(TypedDict):
    # A whole number. Stripe may encode it as a string.
    error_count: int | str
    error_types: list[DataReasonErrorType]


class Data(TypedDict):
    """The usage events that Stripe rejected, and the reasons."""

    developer_message_summary: str
    # The start of the period that the report covers.
    validation_start: str
    # The end of the period that the report covers.
    validation_end: str
    reason: DataReason


class ErrorReportTriggered(TypedDict):
    """Stripe received invalid usage for a meter. The related object is the meter."""

    # The event's id. The same event can arrive more than once: use the id to remove duplicates.
    id: str
    object: Literal["v2.core.event"]
    type: Literal["v1.billing.meter.error_report_triggered"]
    # The time of the event, with up to nine fractional digits.
    created: str
    # False for an event from a sandbox.
    livemode: bool
    # The account, or the path of accounts, that the event belongs to.
    context: NotRequired[str | None]
    # The id of the v1 snapshot event for the same change.
    snapshot_event: NotRequired[str | None]
    # What caused the event.
    reason: NotRequired[Reason | None]
    # The object that the event is about. Null, {} and no member mean the same.
    related_object: NotRequired[RelatedObject | None]
    # The usage events that Stripe rejected, and the reasons.
    data: Data
    # The changed values, before and after. Null or {} if Stripe does not report them.
    changes: NotRequired[dict[str, Any] | None]


class NoMeterFound(TypedDict):
    """Stripe received usage for a meter that does not exist. There is no related object."""

    # The event's id. The same event can arrive more than once: use the id to remove duplicates.
    id: str
    object: Literal["v2.core.event"]
    type: Literal["v1.billing.meter.no_meter_found"]
    # The time of the event, with up to nine fractional digits.
    created: str
    # False for an event from a sandbox.
    livemode: bool
    # The account, or the path of accounts, that the event belongs to.
    context: NotRequired[str | None]
    # The id of the v1 snapshot event for the same change.
    snapshot_event: NotRequired[str | None]
    # What caused the event.
    reason: NotRequired[Reason | None]
    # The object that the event is about. Null, {} and no member mean the same.
    related_object: NotRequired[RelatedObject | None]
    # The usage events that Stripe rejected, and the reasons.
    data: Data
    # The changed values, before and after. Null or {} if Stripe does not report them.
    changes: NotRequired[dict[str, Any] | None]


# An event as EventBridge delivers it.
Event = TypedDict(
    "Event",
    {
        "version": "str",
        "id": "str",
        "detail-type": "str",
        "source": "str",
        "account": "str",
        "time": "str",
        "region": "str",
        "resources": "list[str]",
        "detail": "ErrorReportTriggered | NoMeterFound",
    },
)
