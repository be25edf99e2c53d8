//! States that may change with time: the rule in code against the condition in
//! SQL.

use prost::Message;
use sea_orm::QueryFilter;
use stoa_kernel::{Cx, Timestamp};
use stoa_proto::resource::{Aggregate, ProtoEnum};
use stoa_store::{Documents, Store, documents, filter};

/// Writes documents, then asks for each state at each of the instants: a filter
/// by `field` finds exactly the documents that [`Documents::at`] puts into that
/// state. `state` reads the state of a document.
///
/// # Panics
/// If they differ, or if the store fails.
pub async fn states_agree<T: Documents, S: ProtoEnum>(
    store: &Store,
    cx: &Cx,
    (field, state): (&str, fn(&T::Document) -> i32),
    written: Vec<T::Document>,
    instants: &[Timestamp],
) {
    for document in &written {
        let row = (cx.clone(), document.clone());
        let insert = store.write(row, |tx, (cx, document)| Box::pin(documents::insert::<T>(tx, cx, document, document.encode_to_vec())));
        insert.await.expect("a document is written");
    }
    for now in instants {
        for number in 0..64 {
            let Ok(value) = S::try_from(number) else { continue };
            let condition = filter::condition(&format!("{field} = {}", value.value_name()), T::FILTER, *now).expect("a filter by state");
            let found = documents::all::<T, _>(store.read(), documents::select::<T>(cx).filter(condition)).await.expect("documents");
            let mut found: Vec<String> = found.iter().map(|document| document.resource_name().to_owned()).collect();
            let expected = written.iter().filter(|document| state(&T::at((*document).clone(), *now)) == number);
            let mut expected: Vec<String> = expected.map(|document| document.resource_name().to_owned()).collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{} at {now}", value.value_name());
        }
    }
}
