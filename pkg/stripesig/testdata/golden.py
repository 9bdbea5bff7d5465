#!/usr/bin/env python3
"""Write golden.json: header values computed by Python's hmac and, independently, by the openssl command.

The Go tests compare Secret.Sign with these, so that a fault shared by Sign and Verify cannot hide.
Run it from anywhere; it refuses to write if the two implementations disagree.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import subprocess

PING = (
    b'{"id":"evt_test_1","object":"v2.core.event","type":"v2.core.event_destination.ping",'
    b'"created":"2025-01-01T00:00:00.000Z","livemode":false}'
)

CASES = [
    ("ping", "whsec_test_secret", 1700000000, PING),
    ("empty body", "whsec_test_secret", 1700000000, b""),
    ("body that is not UTF-8", "whsec_test_secret", 1700000000, b"\xff\x00\xfe"),
    ("secret outside ASCII", "whsec_\u00e9\u20ac", 1700000000, PING),
    ("secret longer than a hash block", "whsec_" + "k" * 100, 1700000000, PING),
    ("time zero", "whsec_test_secret", 0, PING),
    ("time before 1970", "whsec_test_secret", -1700000000, PING),
    ("body of many hash blocks", "whsec_test_secret", 1700000000, b"0123456789abcdef" * 1024),
]


def openssl(key: bytes, message: bytes) -> str:
    command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:" + key.hex()]
    return subprocess.run(command, input=message, capture_output=True, check=True).stdout.decode().split()[-1]


def golden(name: str, secret: str, at: int, payload: bytes) -> dict:
    key, message = secret.encode(), b"%d." % at + payload
    digest = hmac.new(key, message, hashlib.sha256).hexdigest()
    if digest != openssl(key, message):
        raise SystemExit(f"{name}: Python and openssl disagree")
    return {
        "name": name,
        "secret": secret,
        "at": at,
        "payload_base64": base64.b64encode(payload).decode(),
        "header": f"t={at},v1={digest}",
    }


if __name__ == "__main__":
    target = pathlib.Path(__file__).with_name("golden.json")
    target.write_text(json.dumps([golden(*case) for case in CASES], indent=2) + "\n")
