//! Signals to a command that cannot react by itself.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a fixture that fails ends its test")]

use std::{
    io::{Read, Write},
    net::TcpListener,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// More than a pipe holds.
const MEMO_BYTES: usize = 1024 * 1024;

/// Enough for a busy machine.
const ENDING_MAX: Duration = Duration::from_secs(20);

/// Answers one start with a run that has a large memo.
fn answer_a_start(listener: &TcpListener) {
    let (mut client, _) = listener.accept().unwrap();
    let mut request = Vec::new();
    while !String::from_utf8_lossy(&request).contains("idempotencyKey\":") {
        let mut buffer = [0; 4096];
        let length = client.read(&mut buffer).unwrap();
        request.extend_from_slice(&buffer[..length]);
    }
    let workflow = serde_json::json!({"id": "wfr_1", "memo": "x".repeat(MEMO_BYTES)});
    let payload = serde_json::json!({"created": true, "userErrors": [], "workflow": workflow});
    let body = serde_json::json!({"data": {"startWorkflow": payload}}).to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/graphql-response+json\r\ncontent-length";
    write!(client, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
}

#[test]
fn a_signal_ends_a_follow_that_has_not_found_its_run() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    for (signal, expected) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ctutor"));
        command.args(["workflow", "follow", "order-1", "--url", &url]).env("CTUTOR_TOKEN", "a");
        let process = command.stderr(Stdio::piped()).spawn().unwrap();
        // It has connected, and waits for an answer.
        let (_connection, _) = listener.accept().unwrap();
        assert!(Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap().success());
        let output = process.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(expected), "{said}");
        assert!(said.contains("stopped before `order-1` was found"), "{said}");
    }
}

#[test]
fn a_second_signal_ends_a_command_whose_output_nobody_reads() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || answer_a_start(&listener));
    let mut command = Command::new(env!("CARGO_BIN_EXE_ctutor"));
    command.args(["workflow", "start", "example_long_running", "--json", "--url", &url]);
    let mut process = command.env("CTUTOR_TOKEN", "a").stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = process.stdout.take().unwrap();
    stdout.read_exact(&mut [0]).unwrap();
    server.join().unwrap();

    // Signals that come too fast after each other are one, so that two may not be enough.
    let started = Instant::now();
    let status = loop {
        let sent = Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
        match process.try_wait().unwrap() {
            Some(status) => break status.code(),
            None if sent.success() && started.elapsed() < ENDING_MAX => {}
            None => {
                process.kill().unwrap();
                process.wait().unwrap();
                panic!("the command runs on");
            }
        }
    };
    assert_eq!(status, Some(130));
}
