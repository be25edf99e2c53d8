//! Calls every list as every kind of caller.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use prost_reflect::{DynamicMessage, MethodDescriptor};
use stoa_auth::Roles;
use stoa_proto::describe::{self, Access};
use stoa_tests::{
    TestSuite,
    network::{DEALER, DISTRIBUTOR, STRANGER, all_of, network},
    requests::text,
};

use crate::{
    exceptions::{Findings, assert_none},
    sweep::{Object, call, everything, listed, lists, pages, reason, whole},
};

/// Objects by the list that shows them.
type Lists = BTreeMap<String, Vec<Object>>;

/// The network gives every list something to hide and more than one page.
#[tokio::test]
async fn every_list_shows_all_that_its_caller_may_see_and_nothing_else() -> Result<()> {
    let suite = network().await?;
    let ours = everything(&suite, &suite.admin()?).await?;
    let mut found = enough(&ours);
    found.extend(strangers(&suite, &ours).await?);
    let mut vendors = Findings::of("lists as partners see them");
    for partner in [DISTRIBUTOR, DEALER, STRANGER] {
        partners_own(&suite, &ours, partner, &mut vendors).await?;
    }
    found.extend(vendors.end());
    let mut turned = Findings::of("pages");
    for method in lists() {
        turn_pages(&suite, &method, &mut turned).await?;
    }
    found.extend(turned.end());
    assert_none(&found);
    suite.finish().await
}

/// Checks that every list has at least two objects. Lists of partners' objects
/// need two of one partner, or one if a partner can only have one, and one of
/// another partner.
fn enough(ours: &Lists) -> Vec<String> {
    let (mut two, mut of_one) = (Findings::of("lists"), Findings::of("lists of partners"));
    for method in lists() {
        let objects = ours.get(method.name()).map(Vec::as_slice).unwrap_or_default();
        two.expect(objects.len() >= 2, method.name(), || format!("shows only {objects:?}: fill the network"));
        if objects.iter().all(|object| object.partner.is_empty()) {
            continue;
        }
        let count_of = |partner: &str| objects.iter().filter(|o| o.partner == format!("partners/{partner}")).count();
        let least = if objects.iter().all(Object::is_its_partners_only) { 1 } else { 2 };
        let wrong = || format!("shows {} of {DEALER} and {} of {STRANGER}: fill the network", count_of(DEALER), count_of(STRANGER));
        of_one.expect(count_of(DEALER) >= least && count_of(STRANGER) >= 1, method.name(), wrong);
    }
    [two.end(), of_one.end()].concat()
}

/// Checks that another tenant sees its own objects, and none of ours.
async fn strangers(suite: &TestSuite, ours: &Lists) -> Result<Vec<String>> {
    let theirs = everything(suite, &suite.other_tenant()?).await?;
    let mut findings = Findings::of("lists of the other tenant");
    for (list, objects) in ours {
        let names: BTreeSet<&str> = objects.iter().map(|o| o.name.as_str()).collect();
        let objects = theirs.get(list).map(Vec::as_slice).unwrap_or_default();
        let shared: Vec<&Object> = objects.iter().filter(|o| names.contains(o.name.as_str())).collect();
        findings.expect(shared.is_empty(), list, || format!("shows {shared:?} to both tenants"));
        findings.expect(objects.len() >= 2, list, || format!("shows the other tenant only {objects:?}: fill the network"));
    }
    Ok(findings.end())
}

/// Checks that a partner sees all objects of its own and of its descendants,
/// and none of another partner; objects that belong to no partner do not
/// matter. Lists that are not meant for partners' roles may show less.
async fn partners_own(suite: &TestSuite, ours: &Lists, partner: &str, findings: &mut Findings) -> Result<()> {
    let token = all_of(suite, partner)?;
    let mut visible = BTreeSet::from([format!("partners/{partner}")]);
    if partner == DISTRIBUTOR {
        visible.insert(format!("partners/{DEALER}"));
    }
    for method in lists() {
        let (list, meant) = (method.name(), is_meant_for_partners(&method));
        let shown = match whole(suite, &method, &token).await? {
            Ok(shown) => shown,
            Err(status) => {
                findings.expect(!meant && reason(&status) == "SCOPE_EXCEEDED", list, || format!("refuses {partner}: {status:?}"));
                continue;
            }
        };
        let expected: BTreeSet<&Object> = ours[list].iter().filter(|o| visible.contains(&o.partner)).collect();
        let shown: BTreeSet<&Object> = shown.iter().filter(|o| !o.partner.is_empty()).collect();
        let (more, less): (Vec<_>, Vec<_>) = (shown.difference(&expected).collect(), expected.difference(&shown).collect());
        findings.expect(more.is_empty(), list, || format!("shows {partner} {more:?}"));
        findings.expect(less.is_empty() || !meant, list, || format!("does not show {partner} {less:?}"));
    }
    Ok(())
}

fn is_meant_for_partners(method: &MethodDescriptor) -> bool {
    match describe::access(method) {
        Access::Permission(permission) => Roles::standard().grants("partner_admin", &permission),
        _ => false,
    }
}

/// Checks that pages add up to the whole list, and that another tenant cannot
/// use a page token.
async fn turn_pages(suite: &TestSuite, method: &MethodDescriptor, findings: &mut Findings) -> Result<()> {
    let (admin, stranger) = (suite.admin()?, suite.other_tenant()?);
    let mut tokens = 0;
    for which in 0..pages(method, 1000, "")?.len() {
        let expected = listed(&page(suite, method, which, 1000, "", &admin).await?);
        let size = (expected.len() / 5).max(1);
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let page = page(suite, method, which, size, &token, &admin).await?;
            found.extend(listed(&page));
            token = text(&page, "next_page_token");
            if token.is_empty() || found.len() > expected.len() {
                break;
            }
            tokens += 1;
            let request = pages(method, size, &token)?.swap_remove(which);
            let taken = call(suite, method, &request, &stranger).await?.err().map(|status| reason(&status));
            findings.expect(taken.as_deref() == Some("PAGE_TOKEN_INVALID"), method.name(), || format!("answers a stranger with {taken:?}"));
        }
        findings.expect(found == expected, method.name(), || format!("shows {found:?} in pages, but {expected:?} as a whole"));
    }
    findings.expect(tokens > 0, method.name(), || "has no second page".to_owned());
    Ok(())
}

async fn page(suite: &TestSuite, method: &MethodDescriptor, which: usize, size: usize, after: &str, token: &str) -> Result<DynamicMessage> {
    let request = pages(method, size, after)?.swap_remove(which);
    let answers = call(suite, method, &request, token).await?.map_err(|status| anyhow::anyhow!("{}: {status:?}", method.full_name()))?;
    answers.into_iter().next().context("a list returns a page")
}
