//! Which rows a caller may see, and which of them it may change.
//!
//! The rows of CAM assignments are defined here, below all rooms, because every
//! room needs them to decide who may write.

use sea_orm::{ColumnTrait, Condition, ConnectionTrait};
use stoa_kernel::{Cx, Error, Result, names};
use stoa_proto::onboard::v1::CamAssignment;
use stoa_store::{Documents, Key, documents, filter::Field};

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "cam_assignment")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub person: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
pub(crate) use row::Entity as CamAssignments;

impl Documents for CamAssignments {
    type Document = CamAssignment;
    const FILTER: &'static [Field] = &[Field::name("partner", "partners"), Field::name("person", "persons")];

    fn row(Key { tenant, id, version, document }: Key, assignment: &CamAssignment) -> row::Model {
        let (partner, person) = (names::last(&assignment.partner).to_owned(), names::last(&assignment.person).to_owned());
        row::Model { tenant, id, version, document, partner, person }
    }

    fn scope(cx: &Cx) -> Condition {
        visible(cx, row::Column::Partner)
    }

    /// Two first assignments collided: each caller saw none.
    fn taken(assignment: &CamAssignment) -> Error {
        Error::etag_mismatch(&assignment.name)
    }
}

/// Condition on a column that holds a partner's id. The vendor's people see all
/// partners. A partner's people see their own partner, and those of its
/// descendants whose programs make them visible.
pub(crate) fn visible<C: ColumnTrait>(cx: &Cx, partner: C) -> Condition {
    stoa_directory::visible(cx, partner)
}

/// Refuses callers that may see an object of a partner (by id) but not write
/// it. Like `stoa_directory::require_writer`, but reads the assignments
/// themselves instead of their copy. An object without a partner needs no
/// assignment.
///
/// # Errors
/// PERMISSION_DENIED `SCOPE_EXCEEDED`, `PARTNER_NOT_ASSIGNED`.
pub(crate) async fn require_writer<C: ConnectionTrait>(conn: &C, cx: &Cx, name: &str, partner_id: &str) -> Result<()> {
    cx.require_own(name, partner_id)?;
    if !cx.caller.assigned_only || partner_id.is_empty() {
        return Ok(());
    }
    let assignment = documents::find::<CamAssignments, C>(conn, cx, partner_id).await?;
    stoa_directory::require_assigned(cx, name, partner_id, assignment.as_ref())
}
