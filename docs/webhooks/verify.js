#!/usr/bin/env node
// Verifies that a webhook was sent by client360 (Standard Webhooks, HMAC-SHA256).
//
//   if (!verify(request.headers, body, ['whsec_...'])) return response.writeHead(401).end();
//
// Give the new and the former secret while you exchange one for the other. Headers: an object with
// names in lower case, as node:http has them. Body: the Buffer as it came, not JSON written anew.
//
// As a program: verify.js ID TIMESTAMP SIGNATURE SECRET [NOW] < body; exits with 0 or 1.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');

const TOLERANCE = 300;  // seconds between the sender's clock and ours

function same(a, b) {
  return a.length === b.length && crypto.timingSafeEqual(a, b);
}

function verify(headers, body, secrets, now = Date.now() / 1000) {
  const id = headers['webhook-id'] || '';
  const timestamp = headers['webhook-timestamp'] || '';
  const signatures = (headers['webhook-signature'] || '').split(' ').map((each) => Buffer.from(each));
  if (!id || !/^[0-9]+$/.test(timestamp)) return false;
  if (Math.abs(now - Number(timestamp)) > TOLERANCE) return false;
  let genuine = false;
  for (const secret of secrets) {
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
    const digest = crypto.createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body);
    const expected = Buffer.from(`v1,${digest.digest('base64')}`);
    for (const signature of signatures) {
      if (same(signature, expected)) genuine = true;
    }
  }
  return genuine;
}

module.exports = { verify };

if (require.main === module) {
  const [id, timestamp, signature, secret, now] = process.argv.slice(2);
  const headers = {
    'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
  const clock = now === undefined ? undefined : Number(now);
  process.exit(verify(headers, fs.readFileSync(0), [secret], clock) ? 0 : 1);
}
