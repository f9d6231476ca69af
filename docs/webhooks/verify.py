#!/usr/bin/env python3
"""Verifies that a webhook was sent by client360 (Standard Webhooks, HMAC-SHA256).

    if not verify(request.headers, request.body, ["whsec_..."]):
        return 401

Give the new and the former secret while you exchange one for the other. Headers: a mapping with
names in lower case. Body: the bytes as they came, not JSON written anew.

As a program: verify.py ID TIMESTAMP SIGNATURE SECRET [NOW] < body; exits with 0 or 1.
"""

import base64
import hashlib
import hmac
import sys
import time

TOLERANCE = 300  # seconds between the sender's clock and ours


def verify(headers, body, secrets, now=None):
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "").split(" ")
    if not message_id or not timestamp.isdecimal():
        return False
    now = time.time() if now is None else now
    if abs(now - int(timestamp)) > TOLERANCE:
        return False
    signed = f"{message_id}.{timestamp}.".encode() + body
    genuine = False
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.new(key, signed, hashlib.sha256).digest()
        expected = b"v1," + base64.b64encode(digest)
        for signature in signatures:
            if hmac.compare_digest(signature.encode(), expected):
                genuine = True
    return genuine


if __name__ == "__main__":
    given = dict(zip(("webhook-id", "webhook-timestamp", "webhook-signature"), sys.argv[1:4]))
    clock = float(sys.argv[5]) if len(sys.argv) > 5 else None
    sys.exit(0 if verify(given, sys.stdin.buffer.read(), [sys.argv[4]], clock) else 1)
