//! What rules ask about partners, from the directory's copy in our own store: a
//! handler runs inside a transaction and calls nobody.

use std::collections::BTreeMap;

use prost::Message;
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use stoa_kernel::{Cx, Error, Result, Timestamp, names};
use stoa_proto::{
    incentivize::v1::Commission,
    onboard::v1::{Enrollment, Partner},
};
use stoa_store::{DbResult, Tx, decode};

use super::arithmetic::Facts;

/// Facts of partners at an instant. Where a partner has rows of the deal, what
/// was known then stands.
pub(super) async fn of(tx: &Tx, cx: &Cx, partners: &[String], standing: &[Commission], at: Timestamp) -> Result<BTreeMap<String, Facts>> {
    let mut facts: BTreeMap<String, Facts> = BTreeMap::new();
    for row in standing {
        let then = Facts { partner_type: row.partner_type(), tiers: row.tiers.clone() };
        facts.entry(row.partner.clone()).or_insert(then);
    }
    for partner in partners {
        if !facts.contains_key(partner) {
            facts.insert(partner.clone(), lookup(tx, cx, names::last(partner), at).await?);
        }
    }
    Ok(facts)
}

/// UNAVAILABLE while the partner's own events are still under way: the event is
/// delivered again.
async fn lookup(tx: &Tx, cx: &Cx, id: &str, at: Timestamp) -> Result<Facts> {
    let mut partners: Vec<Partner> = copied(tx, id, partner_copy(cx, id)).await?;
    let enrollments: Vec<Enrollment> = copied(tx, id, enrollment_copies(cx, id)).await?;
    let Some(partner) = partners.pop().filter(|_| !enrollments.is_empty()) else {
        return Err(Error::unavailable(format!("partners/{id} has not reached the directory yet")));
    };
    let tiers = enrollments.iter().filter(|e| stood(e, at)).map(|e| e.tier.clone()).collect();
    Ok(Facts { partner_type: partner.r#type(), tiers })
}

fn stood(enrollment: &Enrollment, at: Timestamp) -> bool {
    let from = Timestamp::stored(enrollment.effective_time.as_ref()).unwrap_or_default();
    from <= at && Timestamp::stored(enrollment.end_time.as_ref()).is_none_or(|end| at < end)
}

fn partner_copy(cx: &Cx, id: &str) -> SelectStatement {
    let key = Expr::col("tenant").eq(cx.tenant.clone()).and(Expr::col("id").eq(id));
    Query::select().column("document").from("partner_copy").and_where(key).to_owned()
}

fn enrollment_copies(cx: &Cx, id: &str) -> SelectStatement {
    let key = Expr::col("tenant").eq(cx.tenant.clone()).and(Expr::col("partner").eq(id));
    Query::select().column("document").from("directory_copy").and_where(key).order_by("name", sea_orm::Order::Asc).to_owned()
}

async fn copied<M: Message + Default>(tx: &Tx, id: &str, query: SelectStatement) -> Result<Vec<M>> {
    let rows = tx.conn().query_all(&query).await.db()?;
    rows.into_iter().map(|row| decode("directory", id, &row.try_get::<Vec<u8>>("", "document").db()?)).collect()
}
