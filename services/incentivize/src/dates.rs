//! Business dates.

use jiff::civil::Date;
use stoa_kernel::{Error, Result};
use stoa_proto::incentivize::v1::ErrorReason;

/// Parses a date of a request.
pub(crate) fn parse(field: &str, text: &str) -> Result<Date> {
    text.parse().map_err(|_| Error::invalid(field, format!("must be a calendar date in the form YYYY-MM-DD, but is `{text}`")))
}

/// Parses the first and the last date of a period of a request.
pub(crate) fn period(from: (&str, &str), to: (&str, &str)) -> Result<(Date, Date)> {
    let (start, end) = (parse(from.0, from.1)?, parse(to.0, to.1)?);
    if end < start {
        let message = format!("must not be before {}", from.0);
        return Err(Error::invalid(to.0, message).with_reason(ErrorReason::PeriodInvalid));
    }
    Ok((start, end))
}
