//! What runtimes need of the machine, with right programs at the default limits.
//! `ctutor worker check` tries many more languages, those that the machine has.

use std::fs;

use ctutor_sandbox::{Exit, Options, Outcome, Policy, Sandbox};

use crate::support::Place;

async fn run(place: &Place, script: &str) -> Outcome {
    let outcome = place.run(&place.command(&["sh", "-e", "-c", script])).await;
    assert_eq!(outcome.exit, Exit::Exited(0), "{}\n{}", outcome.stdout.text(), outcome.stderr.text());
    outcome
}

#[tokio::test]
async fn java_compiles_and_runs() {
    let place = Place::new().await;
    let source = r#"
import java.net.*; import java.security.*; import java.util.*; import java.util.stream.*;
public class Main {
    public static void main(String[] arguments) throws Exception {
        UUID.randomUUID(); MessageDigest.getInstance("SHA-256").digest(new byte[9]);
        // Four times the limit of memory, most of it garbage.
        long length = 0;
        for (int i = 0; i < 2_000; i++) length += new byte[1 << 20].length;
        int[] kept = new int[40_000_000];
        System.out.println(IntStream.range(0, 1000).parallel().sum() + length + kept[7]);
        System.out.println(InetAddress.getLocalHost().getHostName());
        System.out.println(Runtime.getRuntime().availableProcessors());
    }
}"#;
    fs::write(place.work().join("Main.java"), source).unwrap();
    let outcome = run(&place, "javac Main.java && java Main").await;
    let cores = 2.min(std::thread::available_parallelism().unwrap().get());
    assert_eq!(outcome.stdout.text(), format!("2097651500\nsandbox\n{cores}\n"));
    assert_eq!(outcome.stderr.text(), "", "no remarks about options");
}

#[tokio::test]
async fn sanitizers_start_and_find_their_faults() {
    let place = Place::new().await;
    let right = "#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static void *twice(void *number) { *(int *)number *= 2; return NULL; }
int main(void) {
    int *number = malloc(sizeof *number); *number = 21;
    pthread_t thread; pthread_create(&thread, NULL, twice, number); pthread_join(thread, NULL);
    printf(\"%d\\n\", *number); free(number); return 0;
}";
    let leaking = "#include <stdlib.h>
int main(void) { void *volatile lost = malloc(77); lost = 0; return lost != 0; }";
    fs::write(place.work().join("right.c"), right).unwrap();
    fs::write(place.work().join("leaking.c"), leaking).unwrap();
    for sanitizer in ["address", "thread", "leak", "undefined"] {
        let script = format!("cc -g -fsanitize={sanitizer} right.c -o right -pthread && ./right");
        assert_eq!(run(&place, &script).await.stdout.text(), "42\n", "{sanitizer}");
    }
    for sanitizer in ["address", "leak"] {
        let script = format!("cc -g -fsanitize={sanitizer} leaking.c -o leaking && ! ./leaking");
        let told = run(&place, &script).await.stderr.text().into_owned();
        assert!(told.contains("77 byte(s) leaked in 1 allocation(s)"), "{told}");
    }
}

#[tokio::test]
async fn node_serves_works_and_compiles() {
    let place = Place::new().await;
    let source = r#"
const http = require('http'), os = require('os'), { Worker } = require('worker_threads');
const wasm = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0]);
(async () => {
    await WebAssembly.instantiate(wasm);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1000 });
    const worker = new Worker('require("worker_threads").parentPort.postMessage("worked")', { eval: true });
    console.log(await new Promise((done) => worker.on('message', done)));
    const server = http.createServer((request, answer) => answer.end('served')).listen(0, 'localhost', async () => {
        console.log(await (await fetch('http://localhost:' + server.address().port)).text());
        server.closeAllConnections(); server.close();
    });
    console.log(os.cpus().length, os.availableParallelism ? os.availableParallelism() : os.cpus().length, os.hostname());
})();"#;
    fs::write(place.work().join("main.js"), source).unwrap();
    let outcome = run(&place, "node main.js").await;
    let cores = 2.min(std::thread::available_parallelism().unwrap().get());
    let mut lines: Vec<String> = outcome.stdout.text().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, [format!("{cores} {cores} sandbox"), "served".into(), "worked".into()]);
}

#[tokio::test]
async fn names_resolve_that_need_no_network() {
    let place = Place::new().await;
    let script = "
import pwd, socket, ssl, os
print(sorted({entry[4][0] for entry in socket.getaddrinfo('localhost', 80)}))
print(socket.gethostname(), socket.gethostbyname(socket.gethostname()), socket.getfqdn())
print(socket.getservbyname('http'), socket.getservbyname('domain', 'udp'), socket.getprotobyname('udp'))
print(pwd.getpwuid(os.getuid()).pw_name)
server = socket.create_server((socket.gethostname(), 0)); socket.create_connection(('localhost', server.getsockname()[1]))
six = socket.create_server(('::1', 0), family=socket.AF_INET6); socket.create_connection(six.getsockname()[:2])
try: socket.getaddrinfo('example.org', 80)
except socket.gaierror: print('no network')
";
    let outcome = place.run(&place.python(script)).await;
    let expected = "['127.0.0.1', '::1']\nsandbox 127.0.0.1 sandbox\n80 53 17\nnobody\nno network\n";
    assert_eq!(
        outcome.stdout.text().replace("localhost\n", "sandbox\n"),
        expected,
        "{}",
        outcome.stderr.text()
    );
}

#[tokio::test]
async fn a_program_sees_as_many_cores_and_as_much_memory_as_it_may_use() {
    let options = Options { cores: 1, ..Policy::Confined.into() };
    let place = Place { sandbox: Sandbox::detect(options).await.unwrap(), ..Place::new().await };
    let script = "
import multiprocessing, os
print(os.cpu_count(), len(os.sched_getaffinity(0)), os.sysconf('SC_NPROCESSORS_CONF'))
print(open('/proc/cpuinfo').read().count('processor'), open('/proc/stat').read().count('cpu') - 1)
with multiprocessing.Pool() as pool: print(pool.map(abs, [-1]))
os.system('nproc')
files = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']
print([open(path).read().strip() for path in files if os.path.exists(path)])
fields = dict(line.split()[:2] for line in open('/proc/meminfo'))
print('memory', [int(fields[name + ':']) >> 10 for name in ['MemTotal', 'MemFree', 'MemAvailable', 'SwapTotal', 'Cached']])
for path in ['/sys/kernel', '/sys/class', '/sys/fs/cgroup/devices']: assert not os.path.exists(path)
";
    let outcome = place.run(&place.python(script)).await;
    let mut lines: Vec<String> = outcome.stdout.text().lines().map(str::to_owned).collect();
    lines.sort();
    let expected = ["1", "1 1", "1 1 1", "['1073741824']", "[1]", "memory [512, 512, 512, 0, 0]"];
    assert_eq!(lines, expected, "{}", outcome.stderr.text());
}

#[tokio::test]
async fn the_configuration_tells_nothing_of_the_machine() {
    let place = Place::new().await;
    let script = "
import os
for folder, _, names in os.walk('/etc'):
    for name in names:
        path = os.path.join(folder, name)
        print(path)
        if os.path.islink(path): continue
        try: text = open(path, 'rb').read()
        except OSError: continue
        if HOST and HOST in text.split(): print('names the machine', path)
        if b'PRIVATE KEY' in text: print('has a key', path)
for path in FORBIDDEN:
    if os.path.lexists('/etc/' + path): print('is there', path)
";
    let host = fs::read_to_string("/etc/hostname").unwrap_or_default();
    let host =
        Some(host.trim()).filter(|host| !["", "localhost", "sandbox"].contains(host)).unwrap_or_default();
    let forbidden = "['shadow', 'gshadow', 'machine-id', 'ssl/private', 'ssh', 'sudoers', 'environment', 'fstab', \
                     'profile', 'crontab', 'maven/settings.xml', 'gitconfig', 'npmrc', 'pip.conf', 'apt', 'subuid']";
    let script = script.replace("HOST", &format!("{host:?}.encode()")).replace("FORBIDDEN", forbidden);
    let outcome = place.run(&place.python(&script)).await;
    let text = outcome.stdout.text();
    let told: Vec<&str> = text.lines().filter(|line| !line.starts_with("/etc/")).collect();
    assert_eq!((outcome.exit, told), (Exit::Exited(0), Vec::new()), "{}", outcome.stderr.text());
    for needed in ["/etc/hosts", "/etc/services", "/etc/protocols", "/etc/nsswitch.conf", "/etc/ld.so.cache"]
    {
        assert!(text.lines().any(|line| line == needed), "{needed}");
    }
}
