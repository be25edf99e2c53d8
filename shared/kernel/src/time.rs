//! Instants with microsecond precision, which every store keeps.

use std::fmt;

use jiff::{civil::Date, tz::TimeZone};

use crate::Error;

/// Microseconds in a day of 24 hours.
pub const DAY_MICROS: i64 = 86_400_000_000;

/// A UTC instant in microseconds since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest instant that is accepted: 1900-01-01.
    pub const MIN: Self = Self(-2_208_988_800_000_000);
    /// The latest instant that is accepted: 9999-12-30, within every library's
    /// range.
    pub const MAX: Self = Self(253_402_128_000_000_000);

    /// The instant `micros` microseconds after 1970-01-01.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The instant `days` days of 24 hours later (earlier if negative).
    #[must_use]
    pub const fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days.saturating_mul(DAY_MICROS)))
    }

    /// The instant `hours` later (earlier if negative).
    #[must_use]
    pub const fn plus_hours(self, hours: i64) -> Self {
        Self(self.0.saturating_add(hours.saturating_mul(3_600_000_000)))
    }

    /// The instant `micros` later (earlier if negative).
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// The instant as the API carries it.
    #[must_use]
    pub fn proto(self) -> prost_types::Timestamp {
        prost_types::Timestamp {
            seconds: self.0.div_euclid(1_000_000),
            nanos: i32::try_from(self.0.rem_euclid(1_000_000) * 1000).unwrap_or_default(),
        }
    }

    /// Reads an instant from the API. Anything finer than a microsecond is cut
    /// off.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming `field` if the instant is not between
    /// [`Timestamp::MIN`] and [`Timestamp::MAX`].
    pub fn from_proto(field: &str, value: &prost_types::Timestamp) -> Result<Self, Error> {
        let micros = value
            .seconds
            .checked_mul(1_000_000)
            .and_then(|s| s.checked_add(i64::from(value.nanos).div_euclid(1000)))
            .map(Self)
            .filter(|t| (Self::MIN..=Self::MAX).contains(t) && (0..1_000_000_000).contains(&value.nanos));
        micros.ok_or_else(|| Error::invalid(field, "must be an instant between 1900 and 9999"))
    }

    /// Reads an instant that one of our stores wrote.
    #[must_use]
    pub fn stored(value: Option<&prost_types::Timestamp>) -> Option<Self> {
        value.map(|v| Self(v.seconds.saturating_mul(1_000_000).saturating_add(i64::from(v.nanos) / 1000)))
    }

    /// Like [`Timestamp::stored`], but in microseconds, as columns hold
    /// instants.
    #[must_use]
    pub fn micros_of(value: Option<&prost_types::Timestamp>) -> Option<i64> {
        Self::stored(value).map(Self::micros)
    }

    /// The start (00:00) of a business date in a time zone.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the zone is not an IANA name or the date is out of
    /// range.
    pub fn start_of(date: Date, zone: &str) -> Result<Self, Error> {
        let zone = zone_of(zone)?;
        let start = date.to_zoned_datetime(zone).map_err(|e| Error::invalid("date", format!("is out of range: {e}")))?;
        Ok(Self(start.timestamp().as_microsecond()))
    }

    /// The business date of the instant in a time zone.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the zone is not an IANA name.
    pub fn date(self, zone: &str) -> Result<Date, Error> {
        Ok(self.jiff().to_zoned_datetime(zone_of(zone)?).date())
    }

    fn jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or_default()
    }
}

fn zone_of(zone: &str) -> Result<TimeZone, Error> {
    if zone == "UTC" {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(zone).map_err(|_| {
        Error::invalid("time_zone", "must be an IANA time zone, for example `Europe/Berlin`")
            .with_reason(stoa_proto::onboard::v1::ErrorReason::TimeZoneUnknown)
    })
}

/// Writes RFC 3339 in UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.jiff().fmt(f)
    }
}

/// Reads RFC 3339, or a date `YYYY-MM-DD` as 00:00 UTC of that day.
impl std::str::FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::invalid("time", format!("`{text}` must be RFC 3339 (`2026-01-31T12:00:00Z`) or a date (`2026-01-31`)"));
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(instant.as_microsecond()));
        }
        let date: Date = text.parse().map_err(|_| bad())?;
        Self::start_of(date, "UTC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn proto_round_trip(micros in Timestamp::MIN.micros()..=Timestamp::MAX.micros()) {
            let time = Timestamp::from_micros(micros);
            prop_assert_eq!(Timestamp::from_proto("t", &time.proto()).unwrap(), time);
            prop_assert_eq!(Timestamp::stored(Some(&time.proto())), Some(time));
        }
    }

    #[test]
    fn a_business_date_starts_at_midnight_of_its_zone() {
        let date: Date = "2026-07-01".parse().unwrap();
        assert_eq!(Timestamp::start_of(date, "Europe/Berlin").unwrap().to_string(), "2026-06-30T22:00:00Z");
        assert_eq!(Timestamp::start_of(date, "UTC").unwrap().to_string(), "2026-07-01T00:00:00Z");
        assert_eq!(Timestamp::start_of(date, "Nowhere/Here").unwrap_err().reason(), "TIME_ZONE_UNKNOWN");
    }

    #[test]
    fn out_of_range_instants_name_their_field() {
        let far = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
        assert_eq!(Timestamp::from_proto("close_time", &far).unwrap_err().fields()[0].field, "close_time");
    }
}
