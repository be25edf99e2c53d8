//! Which fields differ between two versions of a message, by their encoding.

use prost::{
    bytes::Buf,
    encoding::{DecodeContext, decode_key, skip_field},
};

/// Names of the fields whose encoding differs, in the order of `names`.
pub(crate) fn fields(names: &[(u32, &'static str)], before: &[u8], after: &[u8]) -> Vec<&'static str> {
    let (before, after) = (runs(before), runs(after));
    names.iter().filter(|(number, _)| run_of(&before, *number) != run_of(&after, *number)).map(|(_, name)| *name).collect()
}

/// The encoded values of a message, by field number. Prost writes fields in the
/// order of their numbers, so the values of a repeated field are next to each
/// other. Whatever cannot be read ends the message and differs from everything
/// that can be read.
fn runs(message: &[u8]) -> Vec<(u32, &[u8])> {
    let mut runs: Vec<(u32, &[u8])> = Vec::new();
    let (mut rest, mut begin, mut current) = (message, message, 0);
    while rest.has_remaining() {
        let here = rest;
        let read =
            decode_key(&mut rest).and_then(|(number, kind)| skip_field(kind, number, &mut rest, DecodeContext::default()).map(|()| number));
        let number = read.unwrap_or_else(|_| {
            rest = &[];
            0
        });
        if number != current {
            push(&mut runs, current, begin, here);
            (begin, current) = (here, number);
        }
    }
    push(&mut runs, current, begin, rest);
    runs
}

fn push<'a>(runs: &mut Vec<(u32, &'a [u8])>, number: u32, begin: &'a [u8], end: &[u8]) {
    let run = &begin[..begin.len() - end.len()];
    if !run.is_empty() {
        runs.push((number, run));
    }
}

fn run_of<'a>(runs: &[(u32, &'a [u8])], number: u32) -> &'a [u8] {
    runs.iter().find(|(found, _)| *found == number).map(|(_, run)| *run).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stoa_proto::{
        common::v1::Money,
        onboard::v1::Tier,
        resource::Aggregate,
        sell::v1::{Credit, Deal},
    };

    use super::*;

    fn tier(name: &str, rank: i32, minor_units: Option<i64>) -> Tier {
        let revenue_threshold = minor_units.map(|minor_units| Money { minor_units, currency_code: "USD".to_owned() });
        Tier { display_name: name.to_owned(), rank, revenue_threshold, ..Tier::default() }
    }

    fn changed<A: Aggregate>(before: &A, after: &A) -> Vec<&'static str> {
        fields(A::FIELDS, &before.encode_to_vec(), &after.encode_to_vec())
    }

    proptest! {
        #[test]
        fn exactly_the_fields_that_differ_are_named(
            (a, b) in (("[ab]{0,2}", 0_i32..3, proptest::option::of(0_i64..3)), ("[ab]{0,2}", 0_i32..3, proptest::option::of(0_i64..3)))
        ) {
            let differ = [(a.0 != b.0, "display_name"), (a.1 != b.1, "rank"), (a.2 != b.2, "revenue_threshold")];
            let expected: Vec<&str> = differ.iter().filter(|(differs, _)| *differs).map(|(_, name)| *name).collect();
            let mut found = changed(&tier(&a.0, a.1, a.2), &tier(&b.0, b.1, b.2));
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_repeated_field_is_compared_as_a_whole() {
        let credit = |partner: &str| Credit { partner: partner.to_owned(), ..Credit::default() };
        let deal = |partners: &[&str]| Deal {
            credits: partners.iter().map(|p| credit(p)).collect(),
            close_date: "2026-01-01".to_owned(),
            ..Deal::default()
        };
        assert_eq!(changed(&deal(&["a", "b"]), &deal(&["a", "c"])), ["credits"]);
        assert_eq!(changed(&deal(&["a", "b"]), &deal(&["a"])), ["credits"]);
        assert!(changed(&deal(&["a", "b"]), &deal(&["a", "b"])).is_empty());
    }

    #[test]
    fn bookkeeping_is_not_a_change() {
        let mut after = tier("gold", 1, None);
        after.set_version("\"2\"".to_owned(), prost_types::Timestamp { seconds: 7, nanos: 0 }, true);
        assert!(changed(&tier("gold", 1, None), &after).is_empty());
    }
}
