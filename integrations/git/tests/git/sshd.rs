//! A Git server over SSH: the real `sshd` of OpenSSH, for the user of the tests alone.

use std::{
    fs::{self, File},
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

pub(crate) struct Sshd {
    folder: PathBuf,
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Sshd {
    /// Lets in whoever has the key `authorized` of `folder`.
    pub(crate) fn start(folder: &Path, authorized: &str) -> Self {
        make_key(folder, "host");
        let config = folder.join("sshd_config");
        let place = folder.display();
        let lines = [
            format!("HostKey {place}/host"),
            format!("AuthorizedKeysFile {place}/{authorized}.pub"),
            "AuthenticationMethods publickey".into(),
            "PermitRootLogin yes".into(),
            // The folder is temporary, and so lies below one that everybody may write to.
            "StrictModes no".into(),
            "UsePAM no".into(),
        ];
        fs::write(&config, lines.join("\n") + "\n").unwrap();
        make_empty_folder_of_sshd(folder);

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stopping = Arc::new(AtomicBool::new(false));
        let (is_stopping, log) = (Arc::clone(&stopping), folder.join("sshd.log"));
        let listener = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_stopping.load(Ordering::SeqCst) {
                    return;
                }
                serve(stream, &config, &log);
            }
        });
        Self { folder: folder.to_owned(), address, stopping, listener: Some(listener) }
    }

    pub(crate) fn url(&self, path: &Path) -> String {
        format!("ssh://{}@{}{}", user(), self.address, path.display())
    }

    /// The line of `known_hosts` that says that this server has the host key `key` of the folder.
    pub(crate) fn known_as(&self, key: &str) -> String {
        let public = fs::read_to_string(self.folder.join(format!("{key}.pub"))).unwrap();
        format!("[{}]:{} {public}", self.address.ip(), self.address.port())
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("sshd.log")).unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        self.listener.take().unwrap().join().unwrap();
    }
}

/// Makes `name` and `name.pub` in `folder`.
pub(crate) fn make_key(folder: &Path, name: &str) {
    run(Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
        .arg(folder.join(name)));
}

/// The fingerprint of `name.pub` as people see it.
pub(crate) fn fingerprint(folder: &Path, name: &str) -> String {
    let line = run(Command::new("ssh-keygen").arg("-lf").arg(folder.join(format!("{name}.pub"))));
    line.split(' ').nth(1).unwrap().to_owned()
}

pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|fault| panic!("{command:?}: {fault}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// One `sshd` for one connection, as a super-server starts it; so there is no port to agree on and nothing to wait for.
fn serve(stream: TcpStream, config: &Path, log: &Path) {
    let log = File::options().create(true).append(true).open(log).unwrap();
    let out: OwnedFd = stream.try_clone().unwrap().into();
    let mut child = Command::new(program())
        .args(["-i", "-e", "-f"])
        .arg(config)
        .stdin(OwnedFd::from(stream))
        .stdout(out)
        .stderr(Stdio::from(log))
        .spawn()
        .unwrap();
    std::thread::spawn(move || child.wait());
}

/// It insists on being called by its whole path, and lies where few have their `PATH`.
fn program() -> PathBuf {
    let folders = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", "/usr/bin", "/usr/local/bin"];
    let found = folders.iter().map(|folder| Path::new(folder).join("sshd")).find(|path| path.exists());
    found.expect("`scripts/setup test` installs sshd")
}

/// `sshd` refuses to run for root without it. The service makes it when it starts, which it may never have done.
fn make_empty_folder_of_sshd(ours: &Path) {
    let is_root = fs::metadata(ours).unwrap().uid() == 0;
    if is_root && let Err(fault) = fs::create_dir("/run/sshd") {
        assert_eq!(fault.kind(), io::ErrorKind::AlreadyExists, "{fault}");
    }
}

fn user() -> String {
    run(Command::new("id").arg("-un"))
}
