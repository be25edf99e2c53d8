//! How a request is refused that goes beyond a limit.

use stoa_gateway::http_status;
use stoa_kernel::{Error, Kind};
use stoa_proto::{POOL, common::v1::ErrorReason, describe};

use super::table;

const HEADERS: &str = "\
A REST request whose body does not arrive in time is answered with 408. A connection
beyond a limit of connections is closed without an answer.

Every answer to a counted request has two headers, which are the same for gRPC and
REST. `RateLimit-Policy` is what holds, for example `\"caller\";q=200;w=2`: 200 requests
at once, and 2 seconds until all of them are back. `RateLimit` is what is left of the
tighter limit, for example `\"caller\";r=150;t=1`. The limits are those of the caller
and its `tenant`, or of the `link` that opened the method.

`RATE_LIMITED` and `OVERLOADED` say when to retry: as `RetryInfo` in the details of the
status, and as `Retry-After` in seconds for REST. A request is refused before any
of it is done, so it is safe to retry, unless it is part of a stream.
`DEADLINE_EXCEEDED` may come after the work was done: retry it with the same
`request_id` or `Idempotency-Key`.
";

/// Reasons of refusals, and the kinds of failure that have them.
const REASONS: [(ErrorReason, &[Kind]); 5] = [
    (ErrorReason::RateLimited, &[Kind::ResourceExhausted]),
    (ErrorReason::Overloaded, &[Kind::ResourceExhausted]),
    // The message of a call, and the body of a REST request or the object to write.
    (ErrorReason::TooLarge, &[Kind::ResourceExhausted, Kind::InvalidArgument]),
    (ErrorReason::DeadlineExceeded, &[Kind::DeadlineExceeded]),
    (ErrorReason::InvalidField, &[Kind::InvalidArgument]),
];

pub(super) fn section() -> String {
    let rows = REASONS.map(|(reason, kinds)| {
        let codes = kinds.iter().map(|kind| stoa_rpc::status(Error::new(*kind, reason, "")).code());
        let (codes, statuses): (Vec<_>, Vec<_>) = codes.map(|code| (grpc_name(code), http_status(code).as_u16().to_string())).unzip();
        let name = reason.as_str_name();
        let short = name.strip_prefix("ERROR_REASON_").unwrap_or(name);
        [format!("`{short}`"), meaning(name), codes.join(" or "), statuses.join(" or ")]
    });
    format!("## Refusals\n\n{}\n{HEADERS}", table(["Reason", "Meaning", "gRPC", "REST"], rows))
}

/// The comment of a reason in its proto file.
fn meaning(name: &str) -> String {
    let reasons = POOL.get_enum_by_name("stoa.common.v1.ErrorReason");
    let value = reasons.and_then(|reasons| reasons.get_value_by_name(name));
    value.map(|value| describe::comment(value.path(), &value.parent_enum().parent_file())).unwrap_or_default()
}

/// `ResourceExhausted` as `RESOURCE_EXHAUSTED`, the name in gRPC.
fn grpc_name(code: tonic::Code) -> String {
    let mut name = String::new();
    for c in format!("{code:?}").chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_their_meaning_and_codes() {
        let text = section();
        let line = "| `RATE_LIMITED` | The caller sent more requests than its rate limit allows. | RESOURCE_EXHAUSTED | 429 |";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("| RESOURCE_EXHAUSTED or INVALID_ARGUMENT | 429 or 400 |"), "{text}");
    }
}
