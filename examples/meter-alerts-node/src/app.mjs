// An example consumer to copy. The rule in template.yaml sends it full billing-meter events, and it
// logs one line for each kind of usage that Stripe could not bill.

const types = ['v1.billing.meter.error_report_triggered', 'v1.billing.meter.no_meter_found'];

/**
 * Handles an event as a rule delivers it. Lambda retries an event whose handling fails, and may
 * deliver one twice: remember event ids if that matters.
 *
 * @param {import('./stripe-events.d.ts').Event} event
 */
export const handler = async (event) => {
  const report = event.detail;
  if (!types.includes(report.type)) {
    throw new Error(`event ${report.id} has the unexpected type ${report.type}`);
  }
  for (const problem of report.data.reason.error_types) {
    console.warn({
      message: 'usage not billed', event_id: report.id, meter: report.related_object?.id ?? null,
      code: problem.code, usage_events: Number(problem.error_count),
    });
  }
};
