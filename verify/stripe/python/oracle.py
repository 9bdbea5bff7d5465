"""Answers questions about signatures with stripe-python. Each line of input and of output is a JSON object."""

import base64
import json
import sys
from unittest import mock

import stripe

# Names of our errors, by the first words of stripe-python's messages.
NAMES = {
    "No Stripe-Signature header value": "ErrMissing",
    "No webhook secret value": "ErrSecret",
    "Unable to extract timestamp": "ErrMalformed",
    "No signatures found with expected scheme": "ErrNoSignature",
    "No signatures found matching": "ErrMismatch",
    "Timestamp outside the tolerance zone": "ErrExpired",
}


def verify(payload: bytes, header: str, secret: str, now: float) -> str:
    """Verifies with stripe-python's default tolerance and with its clock at now."""
    try:
        with mock.patch("time.time", return_value=now):
            stripe.WebhookSignature.verify_header(
                payload, header, secret, stripe.Webhook.DEFAULT_TOLERANCE
            )
    except stripe.SignatureVerificationError as error:
        return next(name for words, name in NAMES.items() if str(error).startswith(words))
    except Exception as error:  # an unintended exception is an answer too
        return type(error).__name__
    return "ok"


def answer(question: dict) -> dict:
    if question["ask"] == "version":
        return {"answer": stripe.VERSION}
    payload, secret, now = base64.b64decode(question["payload"]), question["secret"], question["now"]
    if question["ask"] == "sign":
        sign = stripe.WebhookSignature.generate_signature_header
        return {"answer": sign(payload.decode(), secret, now)}
    return {"answer": verify(payload, question["header"], secret, now)}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
