//! What commands make of answers that a ctutor does not give, but that a proxy in front of it does.

#![expect(clippy::unwrap_used, reason = "a fixture that fails ends its test")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Output, Stdio},
    thread::{self, JoinHandle},
};

/// The exit code when no ctutor answers.
const UNREACHABLE: i32 = 5;

/// The exit code when the API refuses a request.
const REFUSED: i32 = 4;

const STARTED: &str =
    r#"{"data": {"startWorkflow": {"created": true, "userErrors": [], "workflow": {"id": "wfr_1"}}}}"#;

/// Gives these answers, one a connection, and then the heads of the requests.
fn serve(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let answer = |answer: String| {
            let (mut client, _) = listener.accept().unwrap();
            let head = read(&mut client);
            client.write_all(answer.as_bytes()).unwrap();
            head
        };
        answers.into_iter().map(answer).collect()
    });
    (url, server)
}

/// Reads a request and gives its head in lower case.
fn read(client: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let length = client.read(&mut buffer).unwrap();
        bytes.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let head_and_body = text.split_once("\r\n\r\n");
        let is_whole = head_and_body.is_some_and(|(head, body)| {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            body.len() >= length.map_or(0, |length| length.parse().unwrap())
        });
        if is_whole || length == 0 {
            return head_and_body.map_or_else(|| text.clone(), |(head, _)| head.to_owned());
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn started() -> String {
    answer("200 OK", "content-type: application/graphql-response+json\r\n", STARTED)
}

fn start(url: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ctutor"));
    command.args(["workflow", "start", "x", "--json", "--token", "t", "--url", url]).args(more);
    command.output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_password_in_the_address_is_refused_and_not_repeated() {
    for url in ["http://ada:s3cret@127.0.0.1:1", "http://ada:s3/cret@127.0.0.1:1", "ada:s3cret@127.0.0.1:1"] {
        let refused = start(url, &[]);
        assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
        assert!(told(&refused).contains("(from flag --url) is not valid: it has a user or a password"));
        assert!(!told(&refused).contains("s3cret") && !told(&refused).contains("s3/cret"));
    }
    let (url, server) = serve(vec![started()]);
    assert!(start(&url, &[]).status.success());
    let head = server.join().unwrap().remove(0);
    assert_eq!(head.matches("\r\nauthorization:").count(), 1, "{head}");
}

#[test]
fn a_busy_server_is_tried_again_when_it_says() {
    let past = "retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let (url, server) = serve(vec![
        answer("429 Too Many Requests", "retry-after: 0\r\n", ""),
        answer("503 Service Unavailable", past, "<p>soon</p>"),
        answer("502 Bad Gateway", "", ""),
        started(),
    ]);
    let output = start(&url, &["--retry-for", "1h"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(told(&output).contains("429 Too Many Requests without GraphQL; too many requests came"));
    let heads = server.join().unwrap();
    assert_eq!(heads.len(), 4);
}

/// The address of a server that is away.
fn away() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn a_start_that_finds_no_server_says_how_to_wait_for_one() {
    let asked = "nothing was started; the first call of a start is not tried again unless `--retry-for 5m` asks for it";
    for how in [&["--wait"][..], &["--follow"], &[]] {
        let output = start(&away(), how);
        assert_eq!(output.status.code(), Some(UNREACHABLE), "{}", told(&output));
        assert!(told(&output).contains(asked), "{}", told(&output));
    }
    // Who has asked for it needs no such advice.
    let output = start(&away(), &["--retry-for", "0"]);
    assert!(!told(&output).contains("--retry-for"), "{}", told(&output));
}

#[test]
fn a_follow_waits_for_a_server_that_is_away() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ctutor"));
    command.args(["workflow", "follow", "order-1", "--token", "t", "--url", &away()]);
    let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let ended = process.try_wait().unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(line.ends_with("; trying again for 5m\n"), "{line}");
    assert_eq!(ended, None);
}

#[test]
fn the_help_tells_how_long_each_command_tries_again() {
    for (command, expected) in [
        (
            "start",
            "[default: 5m with `--wait` or `--follow`, but 0 as long as no call has reached the server]",
        ),
        ("follow", "0 does not try again [default: 5m]"),
    ] {
        let mut help = Command::new(env!("CARGO_BIN_EXE_ctutor"));
        let output = help.args(["workflow", command, "--help"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_request_that_a_proxy_did_not_take_is_sent_again() {
    let refused = ["408 Request Timeout", "425 Too Early"].map(|status| answer(status, "", ""));
    let (url, server) = serve(refused.into_iter().chain([started()]).collect());
    let output = start(&url, &["--retry-for", "1h"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(server.join().unwrap().len(), 3);
}

#[test]
fn a_login_page_is_no_api() {
    let (url, server) =
        serve(vec![answer("302 Found", "location: https://login.example/?next=s3cret\r\n", "")]);
    let output = start(&url, &[]);
    assert_eq!(output.status.code(), Some(UNREACHABLE), "{}", told(&output));
    assert!(
        told(&output).contains("answered 302 Found and leads to https://login.example/; if the API is there")
    );
    assert!(!told(&output).contains("s3cret"));
    server.join().unwrap();

    let (url, server) =
        serve(vec![answer("200 OK", "content-type: text/html; charset=utf-8\r\n", "<p>log in</p>")]);
    let output = start(&url, &[]);
    assert_eq!(output.status.code(), Some(UNREACHABLE), "{}", told(&output));
    assert!(
        told(&output).contains("answered 200 OK with `text/html` and without GraphQL"),
        "{}",
        told(&output)
    );
    server.join().unwrap();
}

#[test]
fn a_refusal_of_a_proxy_is_no_login_page() {
    for (status, expected) in [
        ("413 Payload Too Large", "refuses requests of this size"),
        ("401 Unauthorized", "a proxy in front of the server refuses the request"),
        ("301 Moved Permanently", "and leads to https://ctutor.example/graphql; "),
    ] {
        let headers = "location: https://ctutor.example/graphql\r\n";
        let (url, server) = serve(vec![answer(status, headers, "")]);
        let output = start(&url, &["--retry-for", "1h"]);
        assert_eq!(output.status.code(), Some(UNREACHABLE), "{}", told(&output));
        assert!(told(&output).contains(expected), "{}", told(&output));
        server.join().unwrap();
    }
}

#[test]
fn what_the_api_sends_is_printed_as_it_was_written() {
    let payload = r#"{"data":[1E2,-0.0,1.10,"\u0000x","\u0000number:1E2"]}"#;
    let run = format!(
        r#"{{"id": "wfr_1", "workflowId": "a", "status": "FAILED", "input": {payload},
            "failure": {{"message": "\u0000no", "type": "T"}}}}"#
    );
    let event = format!(
        r#"{{"sequence": 1, "type": "STARTED", "at": "2026-11-22T13:54:14.012Z", "attributes": {{"input": {payload}}}}}"#
    );
    let page = format!(r#"{{"nodes": [{event}], "pageInfo": {{"hasNextPage": false}}}}"#);
    let json = "content-type: application/graphql-response+json\r\n";
    for (more, expected) in [
        (["--history"].as_slice(), [&format!("STARTED  input {payload}"), "failure     \u{fffd}no (T)"]),
        (
            ["--history", "--json"].as_slice(),
            ["      1E2,\n      -0.0,\n      1.10,\n", "\"\\u0000number:1E2\""],
        ),
    ] {
        let (url, server) = serve(vec![
            answer("200 OK", json, &format!(r#"{{"data": {{"workflow": {run}}}}}"#)),
            answer("200 OK", json, &format!(r#"{{"data": {{"node": {{"history": {page}}}}}}}"#)),
        ]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_ctutor"));
        command.args(["workflow", "show", "a", "--token", "t", "--url", &url]).args(more);
        let output = command.output().unwrap();
        let printed = String::from_utf8(output.stdout.clone()).unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        for part in expected {
            assert!(printed.contains(part), "{part}: {printed}");
        }
        server.join().unwrap();
    }
}

#[test]
fn a_size_of_pages_is_learned_once() {
    let refused = r#"{"errors": [{"message": "no", "extensions": {"code": "BAD_USER_INPUT", "max": 1}}]}"#;
    let page = |has_next: bool| {
        let info = format!(r#"{{"hasNextPage": {has_next}, "endCursor": "c"}}"#);
        format!(r#"{{"data": {{"workflows": {{"nodes": [{{"id": "wfr_1"}}], "pageInfo": {info}}}}}}}"#)
    };
    let pages = [refused.to_owned(), page(true), page(true), page(false)];
    let json = "content-type: application/graphql-response+json\r\n";
    let (url, server) = serve(pages.map(|page| answer("200 OK", json, &page)).to_vec());
    let mut command = Command::new(env!("CARGO_BIN_EXE_ctutor"));
    let output =
        command.args(["workflow", "list", "--json", "--token", "t", "--url", &url]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(String::from_utf8(output.stdout).unwrap().matches("wfr_1").count(), 3);
    assert_eq!(server.join().unwrap().len(), 4);
}

#[test]
fn an_api_that_moved_on_its_host_is_followed() {
    let moved = answer("308 Permanent Redirect", "location: /ctutor/graphql\r\n", "");
    let (url, server) = serve(vec![moved, started()]);
    let output = start(&url, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let heads = server.join().unwrap();
    assert!(heads[1].starts_with("post /ctutor/graphql ") && heads[1].contains("authorization: bearer t"));
}

#[test]
fn a_fault_of_tls_is_not_tried_again() {
    // It answers the beginning of TLS, which has no end of a head, when the client closes or with its first bytes.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.read_exact(&mut [0]).unwrap();
        client.write_all(answer("400 Bad Request", "", "").as_bytes()).unwrap();
        // Until the client has read it: closed with unread bytes, the connection would be reset.
        let _ = client.read_to_end(&mut Vec::new());
    });
    let output = start(&url, &["--retry-for", "1h"]);
    assert_eq!(output.status.code(), Some(UNREACHABLE));
    assert!(told(&output).contains("try `http://` instead of `https://`"), "{}", told(&output));
    assert!(!told(&output).contains("trying again"), "{}", told(&output));
    server.join().unwrap();
}

#[test]
fn a_run_that_has_ended_does_not_go_on() {
    let json = "content-type: application/graphql-response+json\r\n";
    let refused = r#"{"errors": [{"message": "`after` is not a valid cursor for this list",
        "extensions": {"code": "BAD_USER_INPUT", "argument": "after"}}]}"#;
    for (status, goes_on) in [("COMPLETED", false), ("RUNNING", true)] {
        let run = format!(
            r#"{{"data": {{"workflow": {{"id": "wfr_1", "workflowId": "a", "status": "{status}"}}}}}}"#
        );
        let (url, server) =
            serve(vec![answer("200 OK", json, &run), answer("400 Bad Request", json, refused)]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_ctutor"));
        command.args(["workflow", "follow", "a", "--after", "zzz", "--token", "t", "--url", &url]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(REFUSED));
        let told = told(&output);
        assert!(
            told.contains("the cursor of `--after` was refused: ") && told.contains("`cursor` of an item"),
            "{told}"
        );
        assert_eq!(told.contains("may go on without this command"), goes_on, "{told}");
        server.join().unwrap();
    }
}

#[test]
fn an_empty_list_says_what_to_do_next() {
    let json = "content-type: application/graphql-response+json\r\n";
    for (command, field, told_next) in [
        (
            &["workflow", "list"][..],
            "workflows",
            "there are no workflow executions; start one with `ctutor workflow start",
        ),
        (&["workflow", "list", "--status", "failed"], "workflows", "without filters and cursor lists all"),
        (&["task-queue", "list"], "taskQueues", "there are no task queues; a worker makes those"),
        (&["types"], "workflowTypes", "start one with `ctutor worker start`"),
    ] {
        let body =
            format!(r#"{{"data": {{"{field}": {{"nodes": [], "pageInfo": {{"hasNextPage": false}}}}}}}}"#);
        let (url, server) = serve(vec![answer("200 OK", json, &body)]);
        let mut ctutor = Command::new(env!("CARGO_BIN_EXE_ctutor"));
        let output = ctutor.args(command).args(["--token", "t", "--url", &url]).output().unwrap();
        assert_eq!(
            (output.status.code(), output.stdout.as_slice()),
            (Some(0), &b""[..]),
            "{}",
            told(&output)
        );
        assert!(told(&output).contains(told_next), "{}", told(&output));
        server.join().unwrap();
    }
}
