//! Commands that watch a run: how they are left, and what they do while the server is away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ctutor_tests::{guard::Signal, process::Process, wait};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use crate::deployment::Deployment;

const LONG: [&str; 5] = ["workflow", "start", "example_long_running", "--input", r#"{"duration": 600}"#];

/// Far less than a command waits for an answer, and enough for a busy machine.
const LEAVING_MAX: Duration = Duration::from_secs(10);

fn started(process: &Process) -> String {
    let id = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("started "))?;
        line.split_whitespace().last().map(ToOwned::to_owned)
    };
    process.wait_for("the ID of the run", id).unwrap()
}

#[tokio::test]
async fn a_signal_ends_the_command_and_not_the_run() {
    let deployment = Deployment::sqlite().await.unwrap();
    let [command, verb, workflow_type, flag, input] = LONG;
    for command in [
        deployment.client_command([command, verb, workflow_type, flag, input, "--wait"]),
        deployment.client_command([command, verb, workflow_type, flag, input, "--follow"]),
        deployment.client_command([command, verb, workflow_type, flag, input, "--follow", "--json"]),
    ] {
        for (signal, status) in [(Signal::Interrupt, 130), (Signal::Terminate, 143)] {
            let process = command.start().unwrap();
            let id = started(&process);
            process.signal(signal).unwrap();
            assert_eq!(process.wait().unwrap(), status);
            let said = process.stderr();
            assert!(
                said.contains("goes on") && said.contains(&format!("`ctutor workflow follow {id}")),
                "{said}"
            );
            let shown = deployment.client_command(["workflow", "show", &id, "--json"]).run().unwrap();
            let shown: Value = serde_json::from_str(&shown).unwrap();
            assert_eq!(shown["closedAt"], Value::Null, "{shown}");
            deployment.client_command(["workflow", "terminate", &id]).run().unwrap();
        }
    }
    deployment.finish().unwrap();
}

#[tokio::test]
async fn a_signal_ends_a_start_that_asks_why_the_run_waits() {
    let deployment = Deployment::sqlite().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = deployment.base().trim_start_matches("http://").to_owned();
    let asked = Arc::new(AtomicBool::new(false));
    let proxy = tokio::spawn(answers_only_starts(listener, server, asked.clone()));
    let args = ["workflow", "start", "example_long_running", "--queue", "nobody", "--url", &url];
    let command = deployment.client_command(args);
    for (signal, status) in [(Signal::Interrupt, 130), (Signal::Terminate, 143)] {
        asked.store(false, Ordering::Relaxed);
        let process = command.start().unwrap();
        let is_asked = async || Ok(asked.load(Ordering::Relaxed).then_some(()));
        wait::until_async("the question why it waits", is_asked).await.unwrap();
        let signaled = Instant::now();
        process.signal(signal).unwrap();
        assert_eq!(process.wait().unwrap(), status);
        assert!(signaled.elapsed() < LEAVING_MAX, "{:?}", signaled.elapsed());
        let said = process.stderr();
        for part in ["started ", " goes on without this command", "`ctutor workflow follow wfr_"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let shown = deployment.client_command(["workflow", "show", &started(&process), "--json"]).run();
        let shown: Value = serde_json::from_str(&shown.unwrap()).unwrap();
        assert_eq!(shown["closedAt"], Value::Null, "{shown}");
        deployment.client_command(["workflow", "terminate", &started(&process)]).run().unwrap();
    }
    proxy.abort();
    deployment.finish().unwrap();
}

#[tokio::test]
async fn a_server_that_stays_away_ends_the_command_with_the_way_back() {
    let mut deployment = Deployment::sqlite().await.unwrap();
    let args = [LONG[0], LONG[1], LONG[2], LONG[3], LONG[4], "--wait", "--retry-for", "1s"];
    let process = deployment.client_command(args).start().unwrap();
    let id = started(&process);
    deployment.take_dev().kill9().unwrap();
    assert_eq!(process.wait().unwrap(), 5);
    let said = process.stderr();
    for part in ["trying again for 1s", "gave up after trying again for ", &format!("follow {id}")] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_happens_once() {
    let deployment = Deployment::sqlite().await.unwrap();
    let server = deployment.base().trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let lost = Arc::new(AtomicBool::new(false));
    let proxy = tokio::spawn(loses_the_first_answer(listener, server, lost.clone()));
    let args = [
        "workflow",
        "start",
        "example_long_running",
        "--input",
        r#"{"duration": 0}"#,
        "--wait",
        "--url",
        &url,
    ];
    let command = deployment.client_command(args);
    let ended = tokio::task::spawn_blocking(move || command.finish().unwrap()).await.unwrap();
    assert!(lost.load(Ordering::Relaxed));
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.stderr.contains("trying again for 5m") && ended.stderr.contains("\nstarted "), "{ended:?}");
    let list = deployment.client_command(["workflow", "list", "--json"]).run().unwrap();
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["nodes"].as_array().unwrap().len(), 1, "{list}");
    proxy.abort();
    deployment.finish().unwrap();
}

/// Hands on everything, except the answer to the first request.
async fn loses_the_first_answer(listener: TcpListener, server: String, lost: Arc<AtomicBool>) {
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut upstream = TcpStream::connect(&server).await.unwrap();
        if lost.swap(true, Ordering::Relaxed) {
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut upstream).await });
            continue;
        }
        let mut buffer = [0; 16 * 1024];
        let mut answer = [0; 1];
        loop {
            tokio::select! {
                read = client.read(&mut buffer) => upstream.write_all(&buffer[..read.unwrap()]).await.unwrap(),
                read = upstream.read(&mut answer) => break assert_eq!(read.unwrap(), 1),
            }
        }
    }
}

/// Hands on the starts and their answers; everything else is received and never answered.
async fn answers_only_starts(listener: TcpListener, server: String, asked: Arc<AtomicBool>) {
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let (server, asked) = (server.clone(), asked.clone());
        tokio::spawn(async move {
            let mut upstream = TcpStream::connect(&server).await.unwrap();
            let mut request = vec![0; 16 * 1024];
            let mut answer = vec![0; 16 * 1024];
            loop {
                tokio::select! {
                    read = client.read(&mut request) => match read {
                        Ok(0) | Err(_) => return,
                        Ok(length) if contains(&request[..length], b"workers(") => {
                            asked.store(true, Ordering::Relaxed);
                        }
                        Ok(length) => upstream.write_all(&request[..length]).await.unwrap(),
                    },
                    read = upstream.read(&mut answer) => match read {
                        Ok(0) | Err(_) => return,
                        Ok(length) => client.write_all(&answer[..length]).await.unwrap(),
                    },
                }
            }
        });
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
