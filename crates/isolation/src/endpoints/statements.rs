//! PostgreSQL's own log of statements, as `cargo xtask verify-isolation` has it written.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use anyhow::{Context, Result};

/// Between what PostgreSQL says of the session and what it says of the statement.
const MARK: &str = " :: ";

/// The log of a cluster whose `log_line_prefix` is `%u :: ` and whose `log_statement` is `all`.
#[derive(Clone, Debug)]
pub(crate) struct Statements {
    file: String,
}

/// A statement that was sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sent {
    /// The role that signed in.
    pub(crate) role: String,
    /// As it was sent, with `$1` for its parameters.
    pub(crate) text: String,
}

impl Statements {
    /// The log in `file`.
    pub(crate) const fn new(file: String) -> Self {
        Self { file }
    }

    /// What the server sent while `work` was done, in its order.
    pub(super) fn during<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, Vec<String>)> {
        let from = self.open()?.metadata()?.len();
        let done = work()?;
        let sent = self.since(from)?.into_iter();
        Ok((done, sent.filter(|one| one.role == "core_app").map(|one| one.text).collect()))
    }

    /// Every statement from this place of the log on.
    pub(crate) fn since(&self, from: u64) -> Result<Vec<Sent>> {
        let (mut log, mut bytes) = (self.open()?, Vec::new());
        log.seek(SeekFrom::Start(from))?;
        log.read_to_end(&mut bytes)?;
        Ok(read(&String::from_utf8_lossy(&bytes)))
    }

    fn open(&self) -> Result<File> {
        File::open(&self.file).with_context(|| format!("PostgreSQL's log, {}", self.file))
    }
}

fn read(log: &str) -> Vec<Sent> {
    let mut all: Vec<Sent> = Vec::new();
    let mut goes_on = false;
    for line in log.lines() {
        // A statement of several lines goes on with a tab.
        if let Some(rest) = line.strip_prefix('\t') {
            if let Some(last) = all.last_mut().filter(|_| goes_on) {
                last.text.push('\n');
                last.text.push_str(rest);
            }
            continue;
        }
        let sent = line.split_once(MARK).and_then(|(role, said)| {
            let said = said.strip_prefix("LOG:  ")?;
            let text = said.strip_prefix("statement: ").or_else(|| {
                // The name that a connection gave to what it prepared is its own.
                Some(said.strip_prefix("execute ")?.split_once(": ")?.1)
            })?;
            Some(Sent { role: role.to_owned(), text: text.to_owned() })
        });
        goes_on = sent.is_some();
        all.extend(sent);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_read_whole_and_nothing_else() {
        let log = "starting\n\
            core_app :: LOG:  statement: BEGIN READ ONLY\n\
            core_app :: LOG:  execute s12: SELECT a,\n\tb FROM t WHERE x = $1\n\
            core_app :: DETAIL:  parameters: $1 = '5'\n\
            core_app :: ERROR:  relation \"x\" does not exist at character 15\n\
            core_app :: STATEMENT:  SELECT 1\n\tFROM x\n\
            core_worker :: LOG:  execute <unnamed>: SELECT ': '\n\
            [unknown] :: LOG:  connection received\n";
        let read: Vec<_> = read(log).into_iter().map(|one| (one.role, one.text)).collect();
        let expected = [
            ("core_app", "BEGIN READ ONLY"),
            ("core_app", "SELECT a,\nb FROM t WHERE x = $1"),
            ("core_worker", "SELECT ': '"),
        ];
        assert_eq!(read, expected.map(|(role, text)| (role.to_owned(), text.to_owned())));
    }
}
