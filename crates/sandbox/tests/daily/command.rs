use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

#[test]
fn the_command_says_where_it_listens_and_ends_on_sigterm() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_restartix-sandbox"))
        .args(["daily", "--port", "0", "--api-key", "k", "--hipaa"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["stand_in"], "daily");
    let domain = ureq::get(format!("{}/v1/", line["url"].as_str().unwrap()))
        .header("authorization", "Bearer k")
        .call()
        .unwrap()
        .into_body()
        .read_json::<Value>()
        .unwrap();
    assert_eq!(domain["config"]["hipaa"], true);
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success() && child.wait().unwrap().success());
}
