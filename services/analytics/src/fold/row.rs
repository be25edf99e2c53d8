//! What is kept of an aggregate's version. The messages are the storage format:
//! fields are only ever added.

use prost::{Message, Oneof};

/// One version of an aggregate, cut down to what the metrics need.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) aggregate: String,
    pub(crate) version: i64,
    pub(crate) occurred: i64,
    pub(crate) recorded: i64,
    pub(crate) source: i32,
    pub(crate) position: i64,
    pub(crate) body: Body,
}

/// The encoded form of a body.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Document {
    #[prost(oneof = "Body", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11")]
    pub(crate) body: Option<Body>,
}

/// State of an aggregate after a version. Instants are microseconds, partners
/// are ids without their collection.
#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Body {
    #[prost(message, tag = "1")]
    Settings(Settings),
    #[prost(message, tag = "2")]
    Tier(Tier),
    #[prost(message, tag = "3")]
    Partner(Partner),
    #[prost(message, tag = "4")]
    Enrollment(Enrollment),
    #[prost(message, tag = "5")]
    Onboarding(Onboarding),
    #[prost(message, tag = "6")]
    Training(Training),
    #[prost(message, tag = "7")]
    Certification(Certification),
    #[prost(message, tag = "8")]
    Portal(Portal),
    #[prost(message, tag = "9")]
    Campaign(Campaign),
    #[prost(message, tag = "10")]
    Deal(Deal),
    #[prost(message, tag = "11")]
    Rate(Rate),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Settings {
    #[prost(string, tag = "1")]
    pub(crate) currency: String,
    #[prost(string, tag = "2")]
    pub(crate) zone: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Tier {
    #[prost(string, tag = "1")]
    pub(crate) program: String,
    #[prost(string, tag = "2")]
    pub(crate) display_name: String,
    #[prost(int32, tag = "3")]
    pub(crate) rank: i32,
    #[prost(int64, optional, tag = "4")]
    pub(crate) threshold: Option<i64>,
    #[prost(string, tag = "5")]
    pub(crate) currency: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Partner {
    #[prost(string, tag = "1")]
    pub(crate) display_name: String,
    #[prost(int32, tag = "2")]
    pub(crate) kind: i32,
    #[prost(string, tag = "3")]
    pub(crate) territory: String,
    #[prost(string, tag = "4")]
    pub(crate) vertical: String,
    #[prost(string, tag = "5")]
    pub(crate) parent: String,
    #[prost(string, repeated, tag = "6")]
    pub(crate) visible_to: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Enrollment {
    #[prost(string, tag = "1")]
    pub(crate) partner: String,
    #[prost(string, tag = "2")]
    pub(crate) program: String,
    #[prost(string, tag = "3")]
    pub(crate) tier: String,
    #[prost(int32, tag = "4")]
    pub(crate) status: i32,
    #[prost(int64, tag = "5")]
    pub(crate) effective: i64,
    #[prost(int64, optional, tag = "6")]
    pub(crate) end: Option<i64>,
    #[prost(string, repeated, tag = "7")]
    pub(crate) product_lines: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Onboarding {
    #[prost(string, tag = "1")]
    pub(crate) partner: String,
    #[prost(int64, optional, tag = "2")]
    pub(crate) complete: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Training {
    #[prost(string, tag = "1")]
    pub(crate) partner: String,
    #[prost(int64, tag = "2")]
    pub(crate) complete: i64,
    #[prost(string, tag = "3")]
    pub(crate) product_line: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Certification {
    #[prost(string, tag = "1")]
    pub(crate) partner: String,
    #[prost(string, tag = "2")]
    pub(crate) product_line: String,
    #[prost(int64, tag = "3")]
    pub(crate) earn: i64,
    #[prost(int64, optional, tag = "4")]
    pub(crate) expire: Option<i64>,
    #[prost(int64, optional, tag = "5")]
    pub(crate) revoke: Option<i64>,
    #[prost(string, tag = "6")]
    pub(crate) person: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Portal {
    #[prost(string, tag = "1")]
    pub(crate) partner: String,
    #[prost(string, tag = "2")]
    pub(crate) element: String,
    #[prost(int64, tag = "3")]
    pub(crate) first: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Campaign {
    #[prost(string, tag = "1")]
    pub(crate) partner: String,
    #[prost(bool, tag = "2")]
    pub(crate) co_branded: bool,
    #[prost(int64, optional, tag = "3")]
    pub(crate) deploy: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Deal {
    #[prost(string, tag = "1")]
    pub(crate) partner: String,
    #[prost(int64, optional, tag = "2")]
    pub(crate) submit: Option<i64>,
    #[prost(int64, optional, tag = "3")]
    pub(crate) withdraw: Option<i64>,
    #[prost(bool, tag = "4")]
    pub(crate) duplicate: bool,
    #[prost(int64, optional, tag = "5")]
    pub(crate) win: Option<i64>,
    #[prost(int64, tag = "6")]
    pub(crate) amount: i64,
    #[prost(string, tag = "7")]
    pub(crate) currency: String,
    #[prost(message, repeated, tag = "8")]
    pub(crate) credits: Vec<Credit>,
    #[prost(string, tag = "9")]
    pub(crate) product_line: String,
    #[prost(string, tag = "10")]
    pub(crate) territory: String,
    #[prost(string, tag = "11")]
    pub(crate) vertical: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct Credit {
    #[prost(string, tag = "1")]
    pub(crate) partner: String,
    #[prost(int32, tag = "2")]
    pub(crate) basis_points: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Rate {
    #[prost(string, tag = "1")]
    pub(crate) base: String,
    #[prost(string, tag = "2")]
    pub(crate) quote: String,
    /// `YYYY-MM-DD`, a date in the tenant's zone.
    #[prost(string, tag = "3")]
    pub(crate) date: String,
    #[prost(int64, tag = "4")]
    pub(crate) nanos: i64,
}
