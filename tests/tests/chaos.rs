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

async fn session(shape: Shape) {
    let seed = rand::random_range(0..1_000_000);
    let report = chaos::run(&Options { shape, runs: 20, blows: 8, seed, logs: Logs::Remove }).await;
    println!("{}", report.map_err(|error| format!("{error:#}")).unwrap());
}
