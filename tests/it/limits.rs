//! The page of limits.

use anyhow::Result;

#[test]
fn the_page_of_limits_says_what_is_enforced() -> Result<()> {
    stoa_tests::check_page("LIMITS.md", &stoa::limits::page())
}
