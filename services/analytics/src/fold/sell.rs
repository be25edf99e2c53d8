use stoa_events::{Event, decode};
use stoa_kernel::{Result, names::last};
use stoa_proto::sell::v1 as pb;

use super::{Body, micros, row};

/// A deal counts once it was registered or won, and with every correction; a
/// draft and an open pipeline deal are not kept. A won deal that is deleted in
/// its CRM takes its revenue back on that day; its registration stays.
pub(super) fn body(event: &Event, noun: &str) -> Result<Option<Body>> {
    if noun != "deal" {
        return Ok(None);
    }
    let deal = decode::<pb::DealUpdated>(event)?.deal.unwrap_or_default();
    let counts = deal.submit_time.is_some() || deal.win_time.is_some() || event.subject == "sell.deal.corrected";
    Ok(counts.then(|| Body::Deal(state(deal))))
}

fn state(deal: pb::Deal) -> row::Deal {
    let customer = deal.customer.clone().unwrap_or_default();
    let amount = deal.amount.clone().unwrap_or_default();
    row::Deal {
        submit: micros(deal.submit_time.as_ref()),
        withdraw: micros(deal.withdraw_time.as_ref()),
        duplicate: deal.closure_code() == pb::ClosureCode::Duplicate,
        win: micros(deal.win_time.as_ref()).filter(|_| deal.delete_time.is_none()),
        amount: amount.minor_units,
        currency: amount.currency_code,
        credits: credits(&deal),
        partner: last(&deal.partner).to_owned(),
        product_line: deal.product_line,
        territory: customer.territory,
        vertical: customer.vertical,
    }
}

/// Who is credited; a deal of a partner that names nobody credits the partner
/// alone.
fn credits(deal: &pb::Deal) -> Vec<row::Credit> {
    if deal.credits.is_empty() && !deal.partner.is_empty() {
        return vec![row::Credit { partner: last(&deal.partner).to_owned(), basis_points: 10_000 }];
    }
    let credit = |c: &pb::Credit| row::Credit { partner: last(&c.partner).to_owned(), basis_points: c.share_basis_points };
    deal.credits.iter().map(credit).collect()
}
