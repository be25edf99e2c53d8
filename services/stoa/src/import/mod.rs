//! `stoa import crm DIR`: a CRM export becomes partners, deals and their
//! history, through the public API. Run twice it changes nothing the second
//! time, because every row is known by its id and a digest of its contents.

mod mapping;
mod rows;
mod run;
mod summary;

pub use mapping::{DEFAULT_MAPPING, Mapping};
pub use run::crm;
pub use summary::Summary;
