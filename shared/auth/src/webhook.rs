//! Signatures of webhooks, as Standard Webhooks defines them: an HMAC over ID, time
//! and body, so that none of them can be changed and no webhook is accepted late.

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName};
use stoa_kernel::{Result, Timestamp};

use crate::link::invalid;

/// Headers of a webhook: its ID, its time in seconds, and its signatures.
pub const HEADERS: [HeaderName; 3] =
    [HeaderName::from_static("webhook-id"), HeaderName::from_static("webhook-timestamp"), HeaderName::from_static("webhook-signature")];
/// Difference of clocks and time on the way that is tolerated, in seconds.
pub const AGE_S_MAX: i64 = 300;
/// Maximum number of signatures of one webhook that are tried.
pub const SIGNATURES_MAX: usize = 4;

/// Checks the signature of a body before any of it is parsed. `now` is wall
/// time.
///
/// # Errors
/// UNAUTHENTICATED `LINK_INVALID`.
pub(crate) fn verify(secrets: impl Iterator<Item = Vec<u8>>, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<()> {
    let [id, time, signatures] = HEADERS.map(|name| headers.get(name).and_then(|value| value.to_str().ok()));
    let (Some(id), Some(time), Some(signatures)) = (id, time, signatures) else {
        return Err(invalid("the webhook has no webhook-id, webhook-timestamp or webhook-signature. Send all three."));
    };
    let sent: i64 = time.parse().map_err(|_| invalid("the webhook-timestamp is not a number of seconds. Send Unix time."))?;
    let age = now.micros().div_euclid(1_000_000).saturating_sub(sent);
    if !(-AGE_S_MAX..=AGE_S_MAX).contains(&age) {
        return Err(invalid("the webhook-timestamp is more than five minutes off. Sign the webhook when it is sent."));
    }
    // A sender that replaces its secret signs with both.
    let given: Vec<Vec<u8>> =
        signatures.split(' ').filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok()).take(SIGNATURES_MAX).collect();
    for secret in secrets {
        let mut signer = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &secret));
        for part in [id.as_bytes(), b".", time.as_bytes(), b".", body] {
            signer.update(part);
        }
        let expected = signer.sign();
        if given.iter().any(|given| verify_slices_are_equal(given, expected.as_ref()).is_ok()) {
            return Ok(());
        }
    }
    Err(invalid("the webhook's signature is wrong. Check its secret."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in the documentation of Standard Webhooks' reference libraries.
    #[test]
    fn the_published_example_is_accepted_and_nothing_else() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let headers = |id: &'static str, time: &'static str, signature: &'static str| -> HeaderMap {
            HEADERS.into_iter().zip([id, time, signature]).map(|(name, value)| (name, value.parse().unwrap())).collect()
        };
        let (id, time, signature) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let sound = headers(id, time, signature);
        let of = |secret: &[u8]| std::iter::once(secret.to_vec());
        verify(of(&secret), &sound, body, at(1_614_265_330 + 300)).unwrap();
        verify(of(b"new").chain(of(&secret)), &sound, body, at(1_614_265_330)).unwrap();
        verify(of(&secret), &headers(id, time, "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), body, at(1_614_265_330))
            .unwrap();

        let refused = |secret: &[u8], headers: &HeaderMap, body: &[u8], now| {
            let error = verify(of(secret), headers, body, now).unwrap_err();
            assert_eq!(error.reason(), "LINK_INVALID");
        };
        let now = at(1_614_265_330);
        refused(&secret, &sound, body, at(1_614_265_330 + 301));
        refused(&secret, &sound, body, at(1_614_265_330 - 301));
        refused(&secret, &sound, b"{\"test\": 2432232315}", now);
        refused(b"other", &sound, body, now);
        refused(&secret, &headers("msg_other", time, signature), body, now);
        refused(&secret, &headers(id, "1614265331", signature), body, now);
        refused(&secret, &headers(id, "soon", signature), body, now);
        refused(&secret, &headers(id, time, "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), body, now);
        refused(&secret, &HeaderMap::new(), body, now);
    }
}
