<?php
/* Verifies that a webhook was sent by client360 (Standard Webhooks, HMAC-SHA256).
 *
 *     $headers = array_change_key_case(getallheaders());
 *     if (!verify($headers, file_get_contents('php://input'), ['whsec_...'])) {
 *         http_response_code(401);
 *         exit;
 *     }
 *
 * Give the new and the former secret while you exchange one for the other. Body: the bytes as they
 * came, not JSON written anew.
 *
 * As a program: php verify.php ID TIMESTAMP SIGNATURE SECRET [NOW] < body; exits with 0 or 1.
 */
declare(strict_types=1);

const TOLERANCE = 300;  // seconds between the sender's clock and ours

function verify(array $headers, string $body, array $secrets, ?int $now = null): bool
{
    $id = $headers['webhook-id'] ?? '';
    $timestamp = $headers['webhook-timestamp'] ?? '';
    if ($id === '' || !ctype_digit($timestamp)) {
        return false;
    }
    if (abs(($now ?? time()) - (int) $timestamp) > TOLERANCE) {
        return false;
    }
    $genuine = false;
    foreach ($secrets as $secret) {
        $key = base64_decode(preg_replace('/^whsec_/', '', $secret), true);
        if ($key === false) {
            continue;
        }
        $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
        foreach (explode(' ', $headers['webhook-signature'] ?? '') as $signature) {
            $genuine = hash_equals($expected, $signature) || $genuine;
        }
    }
    return $genuine;
}

if (PHP_SAPI === 'cli' && realpath($argv[0]) === __FILE__) {
    $given = array_combine(
        ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
        array_slice($argv, 1, 3)
    );
    $now = isset($argv[5]) ? (int) $argv[5] : null;
    exit(verify($given, (string) file_get_contents('php://stdin'), [$argv[4]], $now) ? 0 : 1);
}
