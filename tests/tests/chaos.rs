//! Workflows survive whatever is killed: a short session of each shape. The program `chaos` runs longer ones.
#![expect(clippy::unwrap_used, reason = "clippy takes the helpers of an integration test for other code")]

use ctutor_tests::chaos::{self, Logs, Options, Shape};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_the_process_with_the_embedded_database_is_killed() {
    session(Shape::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_apis_workers_and_servers_are_killed() {
    session(Shape::Postgres).await;
}

#[expect(clippy::disallowed_methods, reason = "each run takes another seed, which a failure prints")]
async fn session(shape: Shape) {
    let seed = rand::random_range(0..1_000_000);
    let options = Options { shape, runs: 20, blows: 8, seed, logs: Logs::Remove };
    let report = chaos::run(&options).await.map_err(|error| format!("{error:#}")).unwrap();
    println!("{report}");
    assert!(report.cancels.effective > 0 && report.terminates.effective > 0, "nothing was stopped");
    assert!(report.late > 0, "nobody came late");
}
