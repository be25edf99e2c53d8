//! Large documents: refused beyond a limit.

use prost::Message;
use stoa_kernel::{Caller, Cx, Kind, Result};
use stoa_proto::{onboard::v1::Tier, resource::Aggregate};
use stoa_store::{
    Tx,
    documents::{self, DOCUMENT_BYTES_MAX},
};

use crate::{
    documents::{insert, tier},
    support::{cx, each, item},
};

/// A tier that is encoded in this many bytes.
fn tier_of(id: &str, bytes: usize) -> Tier {
    let base = tier(id, "", 1).encoded_len();
    // The tag and the length of a text take two to four bytes.
    let mut fits = (2..=4).map(|extra| tier(id, &"x".repeat(bytes - base - extra), 1));
    fits.find(|sized| sized.encoded_len() == bytes).unwrap()
}

fn person() -> Cx {
    Cx { caller: Caller { subject: "persons/ann".to_owned(), ..cx().caller }, ..cx() }
}

/// The ways to write a document.
#[derive(Debug, Clone, Copy)]
enum Way {
    Insert,
    Hold,
    InsertFirst,
    Save,
}

async fn write(tx: &Tx, cx: &Cx, (way, tier): &(Way, Tier)) -> Result<()> {
    let bytes = tier.encode_to_vec();
    match way {
        Way::Insert => documents::insert::<item::Entity>(tx, cx, tier, bytes).await,
        Way::Hold => {
            tx.hold_rows();
            documents::insert::<item::Entity>(tx, cx, tier, bytes).await
        }
        Way::InsertFirst => documents::insert_first::<item::Entity>(tx, cx, vec![(tier, bytes)]).await.map(|_| ()),
        Way::Save => documents::save::<item::Entity>(tx, cx, tier, bytes, 1).await,
    }
}

#[tokio::test]
async fn a_document_has_a_limit_however_it_is_written() {
    each(async |db| {
        for (n, way) in [Way::Insert, Way::Hold, Way::InsertFirst, Way::Save].into_iter().enumerate() {
            let id = format!("t{n}");
            let run = async |cx: Cx, bytes: usize| {
                let mut sized = tier_of(&id, bytes);
                if let Way::Save = way {
                    let before = tier(&id, "", 0);
                    let known = documents::find::<item::Entity, _>(db.store.read(), &cx, &format!("p/{id}")).await.unwrap();
                    if known.is_none() {
                        insert(&db.store, before).await.unwrap();
                    }
                    sized.set_version("\"2\"".to_owned(), prost_types::Timestamp::default(), false);
                }
                db.store.run(&cx, (way, sized), write).await
            };
            let refused = run(person(), DOCUMENT_BYTES_MAX + 1).await.unwrap_err();
            assert_eq!((refused.kind(), refused.reason().as_str()), (Kind::InvalidArgument, "TOO_LARGE"), "{way:?}");
            assert_eq!(refused.fields()[0].field, "tier");
            assert!(refused.metadata().contains(&("bytes_max".into(), DOCUMENT_BYTES_MAX.to_string())));
            let beyond = run(cx(), 2 * DOCUMENT_BYTES_MAX + 1).await.unwrap_err();
            assert_eq!(beyond.reason(), "TOO_LARGE", "a service that acts on its own has a limit, too");
            run(person(), DOCUMENT_BYTES_MAX).await.unwrap();
        }
        let due = tier_of("due", 2 * DOCUMENT_BYTES_MAX);
        db.store.run(&cx(), (Way::Insert, due), write).await.unwrap();
    })
    .await;
}
