//! `stoa import crm DIR`: imports a CRM export as partners, deals and their history,
//! through the public API. A second run changes nothing, because every row is
//! identified by its ID and a digest of its contents.

mod mapping;
mod rows;
mod run;
mod summary;

pub use mapping::{DEFAULT_MAPPING, Mapping};
pub use run::crm;
pub use summary::Summary;
