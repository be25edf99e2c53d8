//! The program as called from the command line.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

use std::{
    fs::Permissions,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

fn stoa(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stoa"));
    command.args(args).current_dir(dir).stdin(Stdio::null());
    command
}

fn run(dir: &Path, args: &[&str]) -> Output {
    stoa(dir, args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refusal(output: &Output) -> String {
    assert!(!output.status.success());
    assert!(output.stdout.is_empty(), "errors belong on stderr");
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A serving process, stopped with the test.
struct Server(Child);

impl Server {
    /// Serves a folder on free ports and waits until the address is logged.
    fn start(dir: &Path) -> (Self, SocketAddr) {
        let (server, address, _) = Self::started_by(stoa(dir, &["serve", "--listen", "127.0.0.1:0"]));
        (server, address)
    }

    /// Like [`Self::start`], by a command. Returns also what was logged until then.
    fn started_by(mut command: Command) -> (Self, SocketAddr, String) {
        command.env("STOA_MANAGEMENT_LISTEN", "127.0.0.1:0").stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = child.stderr.take().unwrap();
        let (mut text, mut byte) = (String::new(), [0]);
        let address = loop {
            assert_eq!(log.read(&mut byte).unwrap(), 1, "the process ended: {text}");
            text.push(char::from(byte[0]));
            let line = text.lines().last().unwrap_or_default();
            if text.ends_with('\n') && line.contains("serving") {
                let from = text.rfind("http://").unwrap() + "http://".len();
                break text[from..].split(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').next().unwrap().parse().unwrap();
            }
        };
        // The pipe must be drained, or the process would block when it is full.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        (Self(child), address, text)
    }

    /// Tells the process to stop. Returns whether it exited successfully.
    fn stop(mut self) -> bool {
        let stopped = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(stopped.success());
        self.0.wait().unwrap().success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// One HTTP request, as plain as `curl` makes it.
fn request(to: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(to).unwrap();
    let length = body.len();
    let authorization = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n{authorization}\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_suite_serves_and_the_commands_find_it() {
    let dir = tempfile::tempdir().unwrap();
    let (server, address) = Server::start(dir.path());
    let token = stdout(&run(dir.path(), &["token", "--role", "admin"]));
    let created = request(address, "POST", "/v1/programs?programId=channel", token.trim(), r#"{"displayName": "Channel"}"#);
    assert!(created.starts_with("HTTP/1.1 200"), "{created}");
    assert!(request(address, "GET", "/openapi.json", "", "").contains("\"openapi\""));
    assert!(request(address, "GET", "/v1/programs", "", "").starts_with("HTTP/1.1 401"));

    // The folder is locked. Its holder answers commands that only read.
    let second = refusal(&run(dir.path(), &["serve", "--listen", "127.0.0.1:0"]));
    assert!(second.contains("in use") && second.contains(&address.to_string()), "{second}");
    let report = run(dir.path(), &["report", "quality", "--json"]);
    let report: Value = serde_json::from_str(&stdout(&report)).expect("nothing but JSON on stdout");
    assert_eq!(report["headline"]["enrolledCount"], "0");
    assert!(server.stop(), "a process that is told to stop exits successfully");

    // Without a server, the command starts its own suite on the same stores.
    let report = stdout(&run(dir.path(), &["report", "quality"]));
    assert!(report.starts_with("Network quality as of"), "{report}");
}

/// gRPC-Web on the same port: a trailer frame with the status ends the answer.
#[test]
fn a_browser_calls_by_grpc_web() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, address) = Server::start(dir.path());
    let token = stdout(&run(dir.path(), &["token"]));
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /stoa.onboard.v1.ProgramService/ListPrograms HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         authorization: Bearer {}\r\ncontent-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\ncontent-length: 5\r\n\r\n",
        token.trim()
    )
    .unwrap();
    stream.write_all(&[0; 5]).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("application/grpc-web"), "{answer}");
    assert!(answer.contains("grpc-status:0"), "{answer}");
}

#[test]
fn settings_are_printed_without_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = stoa(dir.path(), &["config"]);
    command.env("STOA_STORE__BACKEND", "postgres").env("STOA_STORE__URL", "postgres://stoa:hunter2@db/stoa_{service}");
    let printed = stdout(&command.output().unwrap());
    assert!(printed.contains("backend = \"postgres\"") && printed.contains("[redacted]"), "{printed}");
    assert!(!printed.contains("hunter2"), "{printed}");
    let defaults = stdout(&run(dir.path(), &["config", "--default"]));
    assert!(defaults.contains("# Address that serves gRPC, gRPC-Web, REST"), "{defaults}");
}

#[test]
fn limits_are_printed_as_they_are_checked_in() {
    let dir = tempfile::tempdir().unwrap();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../LIMITS.md")).unwrap();
    assert_eq!(stdout(&run(dir.path(), &["limits"])).trim_end(), page.trim_end());
}

/// Variables of command-line options are not settings. All others are.
#[test]
fn a_mistyped_setting_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    stdout(&stoa(dir.path(), &["token"]).env("STOA_TOKEN", "a.b.c").output().unwrap());
    let refused = refusal(&stoa(dir.path(), &["config"]).env("STOA_LISTN", "127.0.0.1:1").output().unwrap());
    assert!(refused.contains("listn") && refused.contains("STOA_LISTN"), "{refused}");
}

#[test]
fn a_separate_command_migrates_the_stores() {
    let dir = tempfile::tempdir().unwrap();
    let migrated = run(dir.path(), &["migrate"]);
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    let stores = |name: &str| dir.path().join("stoa-data").join(name).exists();
    assert!(stores("sell.db") && stores("onboard.db") && !stores("gateway.db"));
}

#[test]
fn without_names_the_setting_decides_which_services_run() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("stoa.toml");
    std::fs::write(&file, "services = [\"sell\"]\n").unwrap();
    let by_environment = stoa(dir.path(), &["migrate"]).env("STOA_SERVICES", "[\"sell\"]").output().unwrap();
    let by_file = stoa(dir.path(), &["migrate"]).env("STOA_CONFIG", &file).output().unwrap();
    for refused in [by_environment, by_file, run(dir.path(), &["migrate", "sell"])].iter().map(refusal) {
        assert!(refused.contains("`peers.onboard`"), "one of several processes needs their addresses: {refused}");
    }
    let named = stoa(dir.path(), &["migrate", "all"]).env("STOA_SERVICES", "[\"sell\"]").output().unwrap();
    stdout(&named);
    assert!(dir.path().join("stoa-data/onboard.db").exists(), "names on the command line come first");

    let mut gateway = stoa(dir.path(), &["serve", "--listen", "127.0.0.1:0", "--data", "gateway"]);
    gateway.env("STOA_SERVICES", "[\"gateway\"]").env("STOA_AUTH__SERVICE_KEY", dir.path().join("stoa-data/service.key"));
    for service in ["ONBOARD", "ENABLE", "MARKET", "SELL", "INCENTIVIZE", "ANALYTICS"] {
        gateway.env(format!("STOA_PEERS__{service}"), "http://127.0.0.1:1");
    }
    let (_server, _, log) = Server::started_by(gateway);
    assert!(log.contains("\"gateway\""), "{log}");
}

#[test]
fn only_the_owner_can_read_the_data() {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let dir = tempfile::tempdir().unwrap();
    let (server, _, log) = Server::started_by(stoa(dir.path(), &["serve", "--listen", "127.0.0.1:0"]));
    let data = dir.path().join("stoa-data");
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = std::fs::read_dir(&data).unwrap().map(|file| file.unwrap().path()).collect();
    for name in ["sell.db", "sell.db-wal", "stoa.lock", "service.key", "local.key"] {
        assert!(files.contains(&data.join(name)), "{name} in {files:?}");
    }
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    assert!(!log.contains("chmod"), "{log}");
    drop(server);

    // The user's own folder stays as it is.
    std::fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    let (_server, _, log) = Server::started_by(stoa(dir.path(), &["serve", "--listen", "127.0.0.1:0"]));
    assert!(log.contains("mode 755") && log.contains("chmod 700"), "{log}");
    assert_eq!(mode(&data), 0o755);
}

/// The settings of stores do not apply to a demo.
#[test]
fn a_demo_is_embedded_and_exits() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = stoa(dir.path(), &["demo", "--partners", "10", "--months", "2", "--exit", "--json"]);
    command.env("STOA_STORE__BACKEND", "postgres").env("STOA_STORE__URL", "postgres://nobody@127.0.0.1:1/{service}");
    let output = command.output().unwrap();
    let report: Value = serde_json::from_str(&stdout(&output)).expect("nothing but JSON on stdout");
    assert!(report["headline"]["enrolledCount"].as_str().is_some(), "{report}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("WARN"), "a demo warns of nothing: {said}");
    std::fs::write(dir.path().join("mine"), "").unwrap();
    let refused = refusal(&run(dir.path(), &["demo", "--data", "."]));
    assert!(refused.contains("not empty"), "{refused}");
}
