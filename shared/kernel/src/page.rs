//! Page tokens: keyset cursors that are bound to their query and signed, so
//! that they can neither be changed nor used for another tenant, filter or
//! method.

use aws_lc_rs::{digest, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{Cx, Error, Kind, cx::Reach};
use stoa_proto::common::v1::ErrorReason;

/// Rows per page if the caller does not set a size.
pub const PAGE_SIZE_DEFAULT: u64 = 50;
/// Maximum number of rows per page.
pub const PAGE_SIZE_MAX: u64 = 1000;
/// Maximum number of bytes of the rows of a page. A single row that is larger
/// makes a page of its own.
pub const PAGE_BYTES_MAX: u64 = 2 * 1024 * 1024;

const MAC_BYTES: usize = 16;

/// The key that page tokens are signed with, and others are derived from.
#[derive(Clone)]
pub struct PageKey(hmac::Key);

impl std::fmt::Debug for PageKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PageKey")
    }
}

impl PageKey {
    /// Creates a key from a secret.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// A secret for another purpose, which the parts name.
    pub(crate) fn derive(&self, parts: &[&str]) -> hmac::Tag {
        let mut signer = hmac::Context::with_key(&self.0);
        for part in parts {
            signer.update(&(part.len() as u64).to_be_bytes());
            signer.update(part.as_bytes());
        }
        signer.sign()
    }
}

/// The page that a caller asked for.
#[derive(Debug, Clone)]
pub struct Page {
    /// Rows asked for, 1 to [`PAGE_SIZE_MAX`].
    pub size: u64,
    /// Key of the last row of the previous page. Empty for the first page.
    pub after: Vec<String>,
    context: Vec<u8>,
    key: PageKey,
}

impl Page {
    /// Reads the page fields of a request. `query` holds the method and
    /// everything else that decides which rows are listed (filter, order,
    /// parent).
    ///
    /// # Errors
    /// INVALID_ARGUMENT `PAGE_TOKEN_INVALID`.
    pub fn read(key: &PageKey, cx: &Cx, query: &[&str], size: i32, token: &str) -> Result<Self, Error> {
        let context = context(cx, query);
        let after = if token.is_empty() { Vec::new() } else { open(key, &context, token)? };
        let size = match u64::try_from(size).unwrap_or_default() {
            0 => PAGE_SIZE_DEFAULT,
            n => n.min(PAGE_SIZE_MAX),
        };
        Ok(Self { size, after, context, key: key.clone() })
    }

    /// Number of rows to fetch: one more than the page, to know whether another
    /// page follows.
    #[must_use]
    pub const fn fetch(&self) -> u64 {
        self.size + 1
    }

    /// Cuts the fetched rows to the page. `bytes_of` is the size of a row.
    /// Returns the token of the next page, empty on the last page.
    pub fn cut<T>(&self, rows: &mut Vec<T>, bytes_of: impl Fn(&T) -> usize, key_of: impl Fn(&T) -> Vec<String>) -> String {
        let fetched = rows.len();
        rows.truncate(self.fit(rows.iter().map(|row| bytes_of(row) as u64)));
        if rows.len() == fetched { String::new() } else { self.after(rows.last(), key_of) }
    }

    /// How many of the fetched rows the page holds, if these are their sizes in
    /// bytes.
    pub fn fit(&self, bytes: impl IntoIterator<Item = u64>) -> usize {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        fit(bytes.into_iter().take(size), PAGE_BYTES_MAX)
    }

    /// The token of the page after a row. Empty if there is no row.
    pub fn after<T>(&self, last: Option<&T>, key_of: impl Fn(&T) -> Vec<String>) -> String {
        last.map(|row| seal(&self.key, &self.context, &key_of(row))).unwrap_or_default()
    }
}

/// How many rows of these sizes fit into `bytes_max`. The first always does, so
/// that a reader goes on.
pub fn fit(bytes: impl IntoIterator<Item = u64>, bytes_max: u64) -> usize {
    let mut total = 0_u64;
    let fits = |(i, bytes): &(usize, u64)| {
        total = total.saturating_add(*bytes);
        *i == 0 || total <= bytes_max
    };
    bytes.into_iter().enumerate().take_while(fits).count()
}

fn context(cx: &Cx, query: &[&str]) -> Vec<u8> {
    let reach = match &cx.caller.reach {
        Reach::Tenant => "",
        Reach::Partner(id) | Reach::Object(id) => id,
    };
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in [cx.tenant.as_str(), reach].iter().chain(query) {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finish().as_ref().to_vec()
}

fn seal(key: &PageKey, context: &[u8], cursor: &[String]) -> String {
    let body = cursor.join("\u{1f}").into_bytes();
    let mut bytes = mac(key, context, &body);
    bytes.extend_from_slice(&body);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn open(key: &PageKey, context: &[u8], token: &str) -> Result<Vec<String>, Error> {
    let bad = || {
        Error::new(
            Kind::InvalidArgument,
            ErrorReason::PageTokenInvalid,
            "page_token is damaged or belongs to another query. Start again without it.",
        )
        .with_field("page_token", "is damaged or belongs to another query")
    };
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad())?;
    let (tag, body) = bytes.split_at_checked(MAC_BYTES).ok_or_else(bad)?;
    aws_lc_rs::constant_time::verify_slices_are_equal(tag, &mac(key, context, body)).map_err(|_| bad())?;
    let text = String::from_utf8(body.to_vec()).map_err(|_| bad())?;
    Ok(text.split('\u{1f}').map(str::to_owned).collect())
}

fn mac(key: &PageKey, context: &[u8], body: &[u8]) -> Vec<u8> {
    let mut signer = hmac::Context::with_key(&key.0);
    signer.update(context);
    signer.update(body);
    signer.sign().as_ref()[..MAC_BYTES].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clock;
    use proptest::prelude::*;

    fn read(tenant: &str, query: &[&str], token: &str) -> Result<Page, Error> {
        let cx = Cx::service(tenant, "test", &Clock::system(), "");
        Page::read(&PageKey::new(b"secret"), &cx, query, 2, token)
    }

    proptest! {
        #[test]
        fn paging_visits_every_row_once(bytes in prop::collection::vec(0..PAGE_BYTES_MAX * 2, 0..30), size in 1_i32..7) {
            let rows: Vec<(String, u64)> = bytes.iter().enumerate().map(|(i, bytes)| (format!("{i:03}"), *bytes)).collect();
            let cx = Cx::service("t", "test", &Clock::system(), "");
            let (mut token, mut seen) = (String::new(), Vec::new());
            loop {
                let page = Page::read(&PageKey::new(b"k"), &cx, &["list"], size, &token).unwrap();
                let after = page.after.first().cloned().unwrap_or_default();
                let mut found: Vec<(String, u64)> = rows.iter().filter(|r| r.0 > after).take(page.fetch() as usize).cloned().collect();
                token = page.cut(&mut found, |r| r.1 as usize, |r| vec![r.0.clone()]);
                prop_assert!(found.len() <= size as usize && (found.len() <= 1 || found.iter().map(|r| r.1).sum::<u64>() <= PAGE_BYTES_MAX));
                seen.extend(found);
                if token.is_empty() { break; }
            }
            prop_assert_eq!(seen, rows);
        }

        #[test]
        fn a_changed_token_is_refused(at in 0_usize..20, bit in 0_u8..6) {
            let mut rows = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
            let token = read("t", &["list"], "").unwrap().cut(&mut rows, |_| 0, |r| vec![r.clone()]);
            let mut bytes = token.into_bytes();
            let at = at % bytes.len();
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let was = bytes[at];
            bytes[at] = alphabet[(alphabet.iter().position(|b| *b == was).unwrap() ^ (1 << bit)) % 64];
            let changed = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(read("t", &["list"], &changed).unwrap_err().reason(), "PAGE_TOKEN_INVALID");
        }
    }

    #[test]
    fn a_page_is_as_full_as_its_bytes_allow() {
        assert_eq!(fit([], 10), 0);
        assert_eq!(fit([11, 1], 10), 1, "a row that is too large is alone");
        assert_eq!(fit([4, 6, 1], 10), 2);
        assert_eq!(fit([4, u64::MAX, 1], 10), 1);
    }

    #[test]
    fn a_token_belongs_to_its_query() {
        let mut rows = vec![1, 2, 3];
        let token = read("t", &["list", "a"], "").unwrap().cut(&mut rows, |_| 0, |r| vec![r.to_string()]);
        assert_eq!(read("t", &["list", "a"], &token).unwrap().after, ["2"]);
        assert!(read("u", &["list", "a"], &token).is_err());
        assert!(read("t", &["list", "b"], &token).is_err());
    }
}
