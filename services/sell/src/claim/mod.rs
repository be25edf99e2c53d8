//! Claim: the customer and product line that a deal is about. Exact identifiers
//! decide whether two deals are about the same business; names never do.

pub(crate) mod index;

use stoa_proto::sell::v1::{Customer, Deal};

/// Returns the identifiers of a customer, normalized and sorted.
pub(crate) fn keys(customer: &Customer) -> Vec<String> {
    let mut keys = Vec::new();
    let domain = domain(customer);
    if !domain.is_empty() {
        keys.push(format!("domain:{domain}"));
    }
    let account = customer.account_reference.trim();
    if !account.is_empty() {
        keys.push(format!("account:{account}"));
    }
    let tax: String = customer.tax_id.chars().filter(char::is_ascii_alphanumeric).collect();
    if !tax.is_empty() {
        keys.push(format!("tax:{}", tax.to_ascii_uppercase()));
    }
    keys.sort();
    keys
}

/// Returns the identifiers of a deal's customer.
pub(crate) fn keys_of(deal: &Deal) -> Vec<String> {
    deal.customer.as_ref().map(keys).unwrap_or_default()
}

/// Returns the customer's domain in lower case, without `www.`.
pub(crate) fn domain(customer: &Customer) -> String {
    let lower = customer.domain.trim().trim_end_matches('.').to_lowercase();
    lower.strip_prefix("www.").unwrap_or(&lower).to_owned()
}

/// Whether two versions of a deal claim different customers or product lines.
pub(crate) fn differ(a: &Deal, b: &Deal) -> bool {
    a.product_line != b.product_line || keys_of(a) != keys_of(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer(domain: &str, account: &str, tax: &str) -> Customer {
        Customer { domain: domain.into(), account_reference: account.into(), tax_id: tax.into(), ..Default::default() }
    }

    #[test]
    fn identifiers_are_normalized() {
        assert_eq!(keys(&customer("WWW.Example.com.", "", "")), ["domain:example.com"]);
        assert_eq!(keys(&customer("", " A-1 ", "de 123.456")), ["account:A-1", "tax:DE123456"]);
        assert!(keys(&Customer { display_name: "Example".into(), ..Default::default() }).is_empty());
    }

    #[test]
    fn another_spelling_is_the_same_claim() {
        let deal = |line: &str, domain: &str| Deal {
            product_line: format!("productLines/{line}"),
            customer: Some(customer(domain, "", "")),
            ..Default::default()
        };
        assert!(!differ(&deal("gtx", "example.com"), &deal("gtx", "www.Example.com")));
        assert!(differ(&deal("gtx", "example.com"), &deal("gtx", "example.org")));
        assert!(differ(&deal("gtx", "example.com"), &deal("mg", "example.com")));
    }
}
