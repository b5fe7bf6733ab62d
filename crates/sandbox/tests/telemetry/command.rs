use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

#[test]
fn the_command_says_where_it_listens_and_ends_on_sigterm() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_restartix-sandbox"))
        .args(["telemetry", "--port", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["stand_in"], "telemetry");
    let url = line["url"].as_str().unwrap();
    let refused = ureq::post(format!("{url}/v1/ingest")).send("{}").unwrap_err();
    assert!(matches!(refused, ureq::Error::StatusCode(401)), "{refused}");
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success() && child.wait().unwrap().success());
}

#[test]
fn it_does_not_listen_on_a_public_address() {
    for address in ["0.0.0.0", "203.0.113.7", "::", "2001:db8::1", "169.254.169.254"] {
        let ended = Command::new(env!("CARGO_BIN_EXE_restartix-sandbox"))
            .args(["telemetry", "--address", address])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert!(!ended.status.success() && told.contains("not a private one"), "{told}");
    }
}
