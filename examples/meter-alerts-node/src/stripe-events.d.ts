// Types of the events that this consumer handles, written from Meterbridge's schemas/ by:
// go test ./internal/contract -run Examples -update

export interface ReasonRequest {
  /** The id of the API request. */
  id?: string | null;
  /** The idempotency key of the request. */
  idempotency_key?: string | null;
}

/** What caused the event. */
export interface Reason {
  /** Stripe may add types. */
  type?: string | null;
  request?: ReasonRequest | null;
}

/** The object that the event is about. Null, {} and no member mean the same. */
export interface RelatedObject {
  /** The object's id. Null for an object that an account has only one of, such as a balance. */
  id?: string | null;
  /** The object's type, such as billing.meter. */
  type?: string | null;
  /** The URL of the object, relative to Stripe's API. It may contain a query. */
  url?: string | null;
}

export interface DataReasonErrorTypeSampleErrorRequest {
  /** The usage event's identifier, or the idempotency key of the request. */
  identifier: string;
}

export interface DataReasonErrorTypeSampleError {
  error_message: string;
  request: DataReasonErrorTypeSampleErrorRequest;
}

export interface DataReasonErrorType {
  /** Stripe may add codes. */
  code: string;
  /** A whole number. Stripe may encode it as a string. */
  error_count: number | string;
  /** A sample of the errors, which may be incomplete. */
  sample_errors: DataReasonErrorTypeSampleError[];
}

export interface DataReason {
  /** A whole number. Stripe may encode it as a string. */
  error_count: number | string;
  error_types: DataReasonErrorType[];
}

/** The usage events that Stripe rejected, and the reasons. */
export interface Data {
  developer_message_summary: string;
  /** The start of the period that the report covers. */
  validation_start: string;
  /** The end of the period that the report covers. */
  validation_end: string;
  reason: DataReason;
}

/** Stripe received invalid usage for a meter. The related object is the meter. */
export interface ErrorReportTriggered {
  /** The event's id. The same event can arrive more than once: use the id to remove duplicates. */
  id: string;
  object: 'v2.core.event';
  type: 'v1.billing.meter.error_report_triggered';
  /** The time of the event, with up to nine fractional digits. */
  created: string;
  /** False for an event from a sandbox. */
  livemode: boolean;
  /** The account, or the path of accounts, that the event belongs to. */
  context?: string | null;
  /** The id of the v1 snapshot event for the same change. */
  snapshot_event?: string | null;
  /** What caused the event. */
  reason?: Reason | null;
  /** The object that the event is about. Null, {} and no member mean the same. */
  related_object?: RelatedObject | null;
  /** The usage events that Stripe rejected, and the reasons. */
  data: Data;
  /** The changed values, before and after. Null or {} if Stripe does not report them. */
  changes?: Record<string, unknown> | null;
}

/** Stripe received usage for a meter that does not exist. There is no related object. */
export interface NoMeterFound {
  /** The event's id. The same event can arrive more than once: use the id to remove duplicates. */
  id: string;
  object: 'v2.core.event';
  type: 'v1.billing.meter.no_meter_found';
  /** The time of the event, with up to nine fractional digits. */
  created: string;
  /** False for an event from a sandbox. */
  livemode: boolean;
  /** The account, or the path of accounts, that the event belongs to. */
  context?: string | null;
  /** The id of the v1 snapshot event for the same change. */
  snapshot_event?: string | null;
  /** What caused the event. */
  reason?: Reason | null;
  /** The object that the event is about. Null, {} and no member mean the same. */
  related_object?: RelatedObject | null;
  /** The usage events that Stripe rejected, and the reasons. */
  data: Data;
  /** The changed values, before and after. Null or {} if Stripe does not report them. */
  changes?: Record<string, unknown> | null;
}

/** An event as EventBridge delivers it. */
export interface Event {
  version: string;
  id: string;
  'detail-type': string;
  source: string;
  account: string;
  time: string;
  region: string;
  resources: string[];
  detail: ErrorReportTriggered | NoMeterFound;
}
