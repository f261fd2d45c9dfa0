//! Serves the toy schema of the transport tests, for the conformance run of `tests/conformance`.
//!
//! `cargo run -p ctutor-api --example toy_server -- 127.0.0.1:4000`

#[path = "../tests/transport/toy.rs"]
#[expect(dead_code, reason = "tests look at more of the toy than a server needs")]
mod toy;

use ctutor_api::transport::Options;

#[tokio::main]
async fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let server = toy::Server::start_at(&address, Options::default()).await;
    println!("{}", server.url());
    if tokio::signal::ctrl_c().await.is_ok() {
        server.shutdown.cancel();
        server.gauges.idle().await;
    }
}
