//! Business dates.

use jiff::civil::Date;
use stoa_kernel::{Error, Result};
use stoa_proto::incentivize::v1::ErrorReason;

/// A date of a request.
pub(crate) fn parse(field: &str, text: &str) -> Result<Date> {
    text.parse().map_err(|_| Error::invalid(field, format!("must be a date `YYYY-MM-DD` that exists, is `{text}`")))
}

/// First and last date of a period of a request.
pub(crate) fn period(from: (&str, &str), to: (&str, &str)) -> Result<(Date, Date)> {
    let (start, end) = (parse(from.0, from.1)?, parse(to.0, to.1)?);
    if end < start {
        let message = format!("must not lie before {}", from.0);
        return Err(Error::invalid(to.0, message).with_reason(ErrorReason::PeriodInvalid));
    }
    Ok((start, end))
}
