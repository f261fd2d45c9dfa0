//! What becomes of reads when the primary is another server, and the former one still answers.

use super::{NOW, started};
use crate::{
    ids::RunId,
    store::{Error, write::message::NewMessage},
    testing::Pair,
};

fn message(run_id: RunId) -> NewMessage {
    NewMessage { run_id, kind: "Any", body: "{}".to_owned(), now: NOW }
}

#[tokio::test]
async fn sessions_that_lead_to_the_former_primary_read_nothing() {
    let pair = Pair::start().await;
    let before = started(&pair.store, "before").await;
    pair.former.refuse_writes().unwrap();
    assert!(pair.store.write(message(before)).await.unwrap_err().is_unavailable());
    // Sessions that are opened now are younger than the last refusal of a write, and lead to the former primary.
    let reads = pair.read_on_every_session(before).await;
    let pair = pair.fail_over().await;
    let after = started(&pair.store, "after").await;
    let found = pair.read_on_every_session(after).await;
    assert!(found.iter().all(|found| matches!(found, Ok(true))), "{found:?}");
    assert!(reads.iter().all(|read| read.as_ref().is_err_and(Error::is_unavailable)), "{reads:?}");
    pair.store.ready(NOW).await.unwrap();
}

#[tokio::test]
async fn a_store_whose_new_sessions_cannot_read_what_is_written_is_not_ready() {
    let pair = Pair::start().await;
    let run_id = started(&pair.store, "a").await;
    pair.store.ready(NOW).await.unwrap();
    // The writer stays where it is; what is opened now leads to the standby.
    pair.relay.lead_to(&pair.next);
    let reads = pair.read_on_every_session(run_id).await;
    assert!(reads.iter().any(|read| read.as_ref().is_err_and(Error::is_unavailable)), "{reads:?}");
    let ready = pair.store.ready(NOW).await;
    assert!(matches!(ready, Err(Error::ReadOnly)), "{ready:?}");
    pair.relay.lead_to(&pair.former);
    pair.store.ready(NOW).await.unwrap();
}
