use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
};

use ctutor_tests::{guard::Signal, redis::Server};

#[test]
fn it_answers_dies_and_comes_back_empty_at_the_same_address() {
    let mut server = Server::start().unwrap();
    let url = server.url();
    assert_eq!(ask(&url, "SET key value\r\n"), "+OK\r\n");
    server.kill().unwrap();
    assert!(UnixStream::connect(path(&url)).is_err());

    server.resume().unwrap();
    assert_eq!(server.url(), url);
    assert_eq!(ask(&url, "GET key\r\n"), "$-1\r\n");
}

#[test]
fn it_can_be_halted_and_continued() {
    let server = Server::start().unwrap();
    server.signal(Signal::Stop).unwrap();
    let mut connection = UnixStream::connect(path(&server.url())).unwrap();
    connection.write_all(b"PING\r\n").unwrap();
    connection.set_nonblocking(true).unwrap();
    assert_eq!(connection.read(&mut [0; 1]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);

    server.signal(Signal::Continue).unwrap();
    assert_eq!(ask(&server.url(), "PING\r\n"), "+PONG\r\n");
}

fn ask(url: &str, command: &str) -> String {
    let mut connection = UnixStream::connect(path(url)).unwrap();
    connection.write_all(command.as_bytes()).unwrap();
    let mut answer = [0; 64];
    let length = connection.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

fn path(url: &str) -> PathBuf {
    PathBuf::from(url.strip_prefix("redis+unix://").unwrap())
}
