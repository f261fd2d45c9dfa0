//! Processes, with a shell in the place of `ctutor`.

use ctutor_tests::{
    guard::Signal,
    process::{Ctutor, Process},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

#[tokio::test]
async fn a_process_is_ready_when_the_address_it_prints_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answers = tokio::spawn(async move {
        for answer in ["503 Service Unavailable", "503 Service Unavailable", "200 OK"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut request).await.unwrap();
            }
            assert!(request.starts_with(b"GET /readyz "));
            let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let process = shell(&format!("echo \"listens on {address}\" >&2; exec sleep 1000"));
    assert_eq!(process.ready().await.unwrap(), address);
    answers.await.unwrap();
}

#[tokio::test]
async fn a_process_that_ends_before_it_is_ready_is_an_error_with_its_last_words() {
    let error = shell("echo 'no database' >&2; exit 3").ready().await.unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("status 3") && text.contains("no database"), "{text}");
}

#[test]
fn a_process_that_is_asked_to_end_does_so_in_its_own_way_and_a_killed_one_does_not() {
    let script = "trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done";
    let start = || {
        let process = shell(script);
        process.wait_for("the trap", |text| text.contains("up").then_some(())).unwrap();
        process
    };
    let polite = start();
    polite.signal(Signal::Terminate).unwrap();
    assert_eq!(polite.wait().unwrap(), 5);

    let stubborn = start();
    stubborn.kill9().unwrap();
    assert_eq!(stubborn.exited(), Some(128 + 9));
}

#[test]
fn variables_of_the_tests_do_not_reach_the_program() {
    let shown =
        Ctutor::new(["-c", "env"]).program("sh").env("DATABASE_URL", "sqlite::memory:").run().unwrap();
    let ours = |line: &&str| line.starts_with("CTUTOR_") || line.contains("_URL=");
    assert_eq!(shown.lines().filter(ours).collect::<Vec<_>>(), ["DATABASE_URL=sqlite::memory:"]);
}

#[test]
fn running_to_the_end_fails_with_the_status() {
    let error = Ctutor::new(["-c", "echo oops >&2; exit 9"]).program("sh").run().unwrap_err();
    assert!(error.to_string().contains("status 9\n") && error.to_string().contains("oops"), "{error}");
}

fn shell(script: &str) -> Process {
    Ctutor::new(["-c", script]).program("sh").start().unwrap()
}
