//! The suite over a real server, and what happens when that server goes.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UnixStream},
};

use super::{Options, RedisBus};
use crate::{
    notify::{
        Bus, Delivery, GapCause, Health, Topic,
        tests::{DEADLINE, Fixture, bus_suite, message, next, run, text},
        topics::Topics,
    },
    testing::LogLines,
};

/// A private server on a socket in a temporary folder.
struct Server {
    folder: TempDir,
    process: Option<Child>,
}

impl Server {
    fn stopped() -> Self {
        Self { folder: TempDir::new().unwrap(), process: None }
    }

    fn started() -> Self {
        let mut server = Self::stopped();
        server.start();
        server
    }

    /// Does not wait for the socket: the bus must manage without.
    fn start(&mut self) {
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no"])
            .arg("--unixsocket")
            .arg(self.socket())
            .arg("--dir")
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed (`scripts/setup test`)");
        self.process = Some(process);
    }

    fn kill(&mut self) {
        let mut process = self.process.take().expect("the server runs");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Stops or resumes the process without closing its connections.
    fn signal(&self, signal: &str) {
        let pid = self.process.as_ref().expect("the server runs").id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    fn options(&self) -> Options {
        Options::new(format!("redis+unix://{}", self.socket().display()))
    }

    /// A connection that may do everything, once the server is there.
    async fn admin(&self) -> ::redis::aio::MultiplexedConnection {
        let client = ::redis::Client::open(self.options().url).unwrap();
        loop {
            if let Ok(connection) = client.get_multiplexed_async_connection().await {
                return connection;
            }
            tokio::task::yield_now().await;
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
    }
}

struct Redis {
    bus: RedisBus,
    server: Server,
}

impl Redis {
    async fn connected() -> Self {
        let server = Server::started();
        let bus = RedisBus::open(&server.options()).unwrap();
        let redis = Self { bus, server };
        redis.wait_for(Health::Connected).await;
        redis
    }

    async fn wait_for(&self, health: Health) {
        tokio::time::timeout(DEADLINE, self.bus.wait_for(health)).await.expect("the health changes in time");
    }

    /// How many connections the server has subscribed to a topic.
    async fn subscribers(&self, topic: &Topic) -> u64 {
        let client = ::redis::Client::open(self.server.options().url).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let channel = format!("ctutor:{topic}");
        let (_, count): (String, u64) =
            ::redis::cmd("PUBSUB").arg("NUMSUB").arg(&channel).query_async(&mut connection).await.unwrap();
        count
    }
}

impl Fixture for Redis {
    type Bus = RedisBus;

    fn bus(&self) -> &RedisBus {
        &self.bus
    }

    fn topics(&self) -> &Topics {
        self.bus.topics()
    }
}

bus_suite!(suite, Redis::connected());

#[tokio::test]
async fn messages_reach_other_processes_on_the_same_server() {
    let here = Redis::connected().await;
    let there = RedisBus::open(&here.server.options()).unwrap();
    there.wait_for(Health::Connected).await;
    let topic = run();
    let mut subscription = there.subscribe(&topic).await;
    here.bus.publish(&topic, text("over"));
    assert_eq!(next(&mut subscription).await, message("over"));
}

#[tokio::test]
async fn a_restarted_server_gives_every_listener_a_gap_and_then_messages() {
    let mut redis = Redis::connected().await;
    let topics: Vec<Topic> = (0..700).map(|_| run()).collect();
    let mut subscriptions = Vec::new();
    for topic in &topics {
        subscriptions.push(redis.bus.subscribe(topic).await);
    }
    for _ in 0..2 {
        redis.server.kill();
        redis.wait_for(Health::Disconnected).await;
        redis.server.start();
        redis.wait_for(Health::Connected).await;
        for (topic, subscription) in topics.iter().zip(&mut subscriptions) {
            assert_eq!(next(subscription).await, Delivery::Gap(GapCause::LostBroker));
            redis.bus.publish(topic, text("back"));
            assert_eq!(next(subscription).await, message("back"));
        }
    }
}

#[tokio::test]
async fn without_a_server_nothing_waits_and_a_gap_follows_when_it_comes() {
    let mut server = Server::stopped();
    let bus = RedisBus::open(&server.options()).unwrap();
    assert_eq!(bus.health(), Health::Disconnected);
    let topic = run();
    let mut subscription =
        tokio::time::timeout(DEADLINE, bus.subscribe(&topic)).await.expect("it does not hang");
    assert_eq!(subscription.try_recv(), None);

    server.start();
    assert_eq!(next(&mut subscription).await, Delivery::Gap(GapCause::LostBroker));
    bus.publish(&topic, text("after"));
    assert_eq!(next(&mut subscription).await, message("after"));
}

#[tokio::test]
async fn the_publishing_queue_is_bounded_and_what_does_not_fit_is_counted() {
    let mut server = Server::stopped();
    let options = Options { publish_queue_messages: 3, ..server.options() };
    let bus = RedisBus::open(&options).unwrap();
    let topic = run();
    let mut subscription = bus.subscribe(&topic).await;
    for number in 0..5 {
        bus.publish(&topic, text(number));
    }
    assert_eq!(bus.dropped_messages(), 2);

    server.start();
    tokio::time::timeout(DEADLINE, bus.wait_for(Health::Connected)).await.expect("it connects");
    bus.publish(&topic, text("last"));
    // Whether the queued ones went out before the subscription stood is open; the order is not.
    let mut seen = Vec::new();
    while seen.last() != Some(&message("last")) {
        seen.push(next(&mut subscription).await);
    }
    assert!(seen.contains(&Delivery::Gap(GapCause::LostBroker)));
}

#[tokio::test]
async fn a_server_that_hangs_is_noticed_and_does_not_hold_a_subscriber() {
    let server = Server::started();
    let timeout = Duration::from_millis(300);
    let options = Options { response_timeout: timeout, ping_interval: timeout, ..server.options() };
    let redis = Redis { bus: RedisBus::open(&options).unwrap(), server };
    redis.wait_for(Health::Connected).await;

    redis.server.signal("-STOP");
    let topic = run();
    let mut subscription =
        tokio::time::timeout(DEADLINE, redis.bus.subscribe(&topic)).await.expect("it does not hang");
    redis.wait_for(Health::Disconnected).await;
    redis.server.signal("-CONT");
    assert_eq!(next(&mut subscription).await, Delivery::Gap(GapCause::LostBroker));
}

#[tokio::test]
async fn the_server_is_told_when_the_last_listener_leaves() {
    let redis = Redis::connected().await;
    let topic = run();
    let first = redis.bus.subscribe(&topic).await;
    let second = redis.bus.subscribe(&topic).await;
    assert_eq!(redis.subscribers(&topic).await, 1);
    drop(first);
    drop(second);
    // Commands are sent one after another, so a confirmed later one proves the earlier one.
    while redis.subscribers(&topic).await > 0 {
        drop(redis.bus.subscribe(&run()).await);
    }
    assert_eq!(redis.bus.topics().count(), 0);
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_showing_it() {
    let error = RedisBus::open(&Options::new("http://user:secret@host")).unwrap_err();
    let shown = format!("{error} {error:?} {:?}", Options::new("redis://user:secret@host"));
    assert!(!shown.contains("secret"), "{shown}");
}

/// Passes connections on to a server's socket, from a port of its own; returns its address.
async fn port_of(server: &Server) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let socket = server.socket();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let socket = socket.clone();
            tokio::spawn(async move {
                let mut far = UnixStream::connect(socket).await?;
                tokio::io::copy_bidirectional(&mut near, &mut far).await
            });
        }
    });
    address
}

/// A port for TLS, as somebody sees it who speaks none: it answers with the alert that it expected a handshake.
async fn port_with_tls() -> String {
    const ALERT: &[u8] = &[0x15, 3, 1, 0, 2, 2, 10];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            tokio::spawn(async move {
                near.read_u8().await?;
                near.write_all(ALERT).await?;
                // It goes on reading, so that the alert arrives before the end.
                tokio::io::copy(&mut near, &mut tokio::io::sink()).await
            });
        }
    });
    address
}

/// A port of something that is no Redis server and closes what it does not understand, as PostgreSQL does.
async fn port_that_closes() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            // What was sent is read, so that the end arrives as one and not as a reset.
            tokio::spawn(async move { near.read_u8().await });
        }
    });
    address
}

/// The first line about an outage, of a bus that nobody has used.
async fn told_of(lines: &LogLines, options: &Options) -> String {
    let outages = || lines.containing("cannot be used").into_iter();
    // Of the buses before this one.
    let before = outages().count();
    let _bus = RedisBus::open(options).unwrap();
    let told = || outages().nth(before).map(|line| line["message"].as_str().unwrap().to_owned());
    let told = async {
        loop {
            if let Some(told) = told() {
                return told;
            }
            tokio::task::yield_now().await;
        }
    };
    let told = tokio::time::timeout(DEADLINE, told).await;
    told.unwrap_or_else(|_| panic!("{options:?}: no such line: {:#?}", lines.containing("Redis at")))
}

async fn set_users<const N: usize>(admin: &mut ::redis::aio::MultiplexedConnection, users: [&str; N]) {
    for user in users {
        let mut command = ::redis::cmd("ACL");
        command.arg("SETUSER");
        for word in user.split(' ') {
            command.arg(word);
        }
        command.exec_async(admin).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_server_or_its_url_is_told_with_its_remedy() {
    // As the program does. An error means that another test has.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (server, with_password) = (Server::started(), Server::started());
    let users = [
        "publisher on >p ~* &* +@all -subscribe",
        "subscriber on >p ~* &* +@all -publish",
        "other on >p ~* &x:* +@all",
    ];
    set_users(&mut server.admin().await, users).await;
    let mut require = ::redis::cmd("CONFIG");
    require.arg(&["SET", "requirepass", "s3cret"]);
    require.exec_async(&mut with_password.admin().await).await.unwrap();
    let (socket, guarded) = (server.options().url, with_password.options().url);
    let plain = port_of(&server).await;
    let (tls, closes) = (port_with_tls().await, port_that_closes().await);
    for (url, remedy) in [
        (format!("{socket}?db=99"), "correct the number of the database at the end of REDIS_URL"),
        (format!("{socket}?user=publisher&pass=wrong"), "correct the user and the password in REDIS_URL"),
        (format!("{socket}?pass=x"), "leave them out where the server asks for none"),
        (guarded.clone(), "`redis://:PASSWORD@HOST:PORT`"),
        (format!("{guarded}?pass=wrong"), "correct the user and the password in REDIS_URL"),
        (format!("{socket}?user=publisher&pass=p"), "+publish +subscribe"),
        (format!("{socket}?user=subscriber&pass=p"), "+publish +subscribe"),
        (format!("{socket}?user=other&pass=p"), "&ctutor:*"),
        (format!("rediss://{plain}"), "write `redis://` in REDIS_URL"),
        (format!("rediss://{closes}"), "write `redis://` in REDIS_URL"),
        (format!("redis://{tls}"), "write `rediss://` in REDIS_URL"),
        (format!("redis://{closes}"), "write `rediss://` in REDIS_URL if the port is for TLS"),
        // Port 1 is nobody's.
        ("redis://127.0.0.1:1".to_owned(), "start the server, or correct the host and the port"),
        (format!("{socket}.absent"), "start the server, or correct the host and the port"),
    ] {
        let lines = LogLines::catch();
        let told = told_of(&lines, &Options::new(&url)).await;
        assert!(told.contains(remedy), "{url}: {told}");
        assert!(lines.containing("connected to").is_empty(), "{url}: it does not count as connected");
    }
}

#[tokio::test]
async fn a_server_that_wants_a_login_counts_as_away_and_not_as_coming_and_going() {
    let lines = LogLines::catch();
    let server = Server::started();
    let mut admin = server.admin().await;
    ::redis::cmd("ACL")
        .arg("SETUSER")
        .arg("default")
        .arg("resetpass")
        .arg(">p")
        .exec_async(&mut admin)
        .await
        .unwrap();
    let bus = RedisBus::open(&server.options()).unwrap();
    let connections = async || {
        let mut info = ::redis::cmd("INFO");
        let info: String = info.arg("stats").query_async(&mut admin.clone()).await.unwrap();
        let count = info.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        count.unwrap().trim().parse::<u64>().unwrap()
    };
    // Both sides have tried more than twice.
    let enough = connections().await + 6;
    while connections().await < enough {
        tokio::task::yield_now().await;
    }
    let told = lines.containing("Redis at");
    let [line] = &told[..] else { panic!("{told:#?}") };
    assert!(
        line["message"].as_str().unwrap().contains("the server wants a password and REDIS_URL has none"),
        "{line:#}"
    );
    drop(bus);
}
