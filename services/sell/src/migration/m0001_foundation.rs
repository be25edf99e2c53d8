use sea_orm_migration::{MigrationTrait, prelude::TableCreateStatement};
use stoa_store::{
    tables::{self, bytes, documents, flag, number, optional_number, small, table, text},
    text_key,
};

/// The first tables.
pub(super) fn foundation() -> Box<dyn MigrationTrait> {
    tables::new_tables("sell_0001_foundation", tables, &INDEXES)
}

fn deal() -> TableCreateStatement {
    documents(
        "deal",
        vec![
            text_key("partner"),
            small("registration_state"),
            small("pipeline_stage"),
            text_key("product_line"),
            text_key("close_date"),
            optional_number("amount_minor"),
            text("customer_domain"),
            flag("imported"),
            flag("deleted"),
            optional_number("submit_time"),
            optional_number("end_time"),
            optional_number("decide_due_time"),
            optional_number("remind_time"),
            number("create_time"),
        ],
    )
}

/// One row per claim, to be locked: the first to register holds the customer.
fn deal_claim() -> TableCreateStatement {
    let key = ["tenant", "customer_key", "product_line"];
    table("deal_claim", key.map(text_key).to_vec(), &key)
}

/// The identifiers under which a deal is registered or sold directly.
fn deal_key() -> TableCreateStatement {
    let key = ["tenant", "customer_key", "product_line", "deal"];
    table("deal_key", key.map(text_key).to_vec(), &key)
}

fn crm_link() -> TableCreateStatement {
    let key = ["tenant", "connector", "remote_object", "remote_id"];
    let own = [
        small("object"),
        text_key("local_id"),
        text("remote_version"),
        optional_number("remote_time"),
        flag("deleted"),
        text("findings"),
        bytes("base"),
    ];
    table("crm_link", key.map(text_key).into_iter().chain(own).collect(), &key)
}

fn crm_conflict() -> TableCreateStatement {
    let key = ["tenant", "connector", "remote_object", "remote_id", "remote_version"];
    let own = [text("local_id"), text("reason"), bytes("row"), number("record_time")];
    table("crm_conflict", key.map(text_key).into_iter().chain(own).collect(), &key)
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        documents("product_line", vec![]),
        deal(),
        deal_claim(),
        deal_key(),
        documents("crm_connector", vec![]),
        crm_link(),
        crm_conflict(),
    ]
}

const INDEXES: [&str; 6] = [
    "CREATE INDEX deal_partner ON deal (tenant, partner)",
    "CREATE INDEX deal_decide_due ON deal (decide_due_time) WHERE decide_due_time IS NOT NULL",
    "CREATE INDEX deal_remind ON deal (remind_time) WHERE remind_time IS NOT NULL",
    "CREATE INDEX deal_key_deal ON deal_key (tenant, deal)",
    "CREATE UNIQUE INDEX crm_link_local ON crm_link (tenant, connector, object, local_id)",
    "CREATE INDEX crm_conflict_time ON crm_conflict (tenant, record_time)",
];
